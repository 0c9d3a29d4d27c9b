#include "engine/http/amz_date.h"

#include <cstddef>
#include <initializer_list>

#include "engine/base/check.h"

namespace engine {
namespace {

// Days since 1970-01-01 of a date of the Gregorian calendar, and back (Howard Hinnant's algorithms,
// "chrono-Compatible Low-Level Date Algorithms").
int64_t DaysFromCivil(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

struct Civil {
  int64_t year, month, day;
};

Civil CivilFromDays(int64_t days) {
  days += 719468;
  const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const int64_t month = shifted_month + (shifted_month < 10 ? 3 : -9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

void AppendDigits(std::string& out, int64_t value, size_t digits) {
  const std::string text = std::to_string(value);
  CHECK(value >= 0);
  CHECK(text.size() <= digits);
  out.append(digits - text.size(), '0');
  out += text;
}

}  // namespace

std::string AmzDate(int64_t unix_seconds) {
  int64_t days = unix_seconds / 86400;
  int64_t second = unix_seconds % 86400;
  if (second < 0) {
    second += 86400;
    --days;
  }
  const Civil civil = CivilFromDays(days);
  std::string out;
  AppendDigits(out, civil.year, 4);
  AppendDigits(out, civil.month, 2);
  AppendDigits(out, civil.day, 2);
  out += 'T';
  AppendDigits(out, second / 3600, 2);
  AppendDigits(out, second / 60 % 60, 2);
  AppendDigits(out, second % 60, 2);
  out += 'Z';
  return out;
}

std::optional<int64_t> ParseAmzDate(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  int64_t fields[6] = {};
  constexpr size_t kStarts[6] = {0, 4, 6, 9, 11, 13};
  constexpr size_t kSizes[6] = {4, 2, 2, 2, 2, 2};
  for (size_t i = 0; i < 6; ++i) {
    for (const char c : text.substr(kStarts[i], kSizes[i])) {
      if (c < '0' || c > '9') return std::nullopt;
      fields[i] = fields[i] * 10 + (c - '0');
    }
  }
  const auto [year, month, day, hour, minute, second] = fields;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const int64_t days = DaysFromCivil(year, month, day);
  const Civil back = CivilFromDays(days);
  if (back.month != month || back.day != day) return std::nullopt;  // Such as 31 April.
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

std::string IsoDate(int64_t unix_seconds) {
  const std::string date = AmzDate(unix_seconds);
  return date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 5) + ":" +
         date.substr(11, 2) + ":" + date.substr(13);
}

std::optional<int64_t> ParseIsoDate(std::string_view text) {
  if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  std::string date(text);
  std::erase(date, '-');
  std::erase(date, ':');
  return ParseAmzDate(date);
}

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  constexpr std::string_view kShape = "Xxx, 00 Xxx 0000 00:00:00 GMT";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != kShape.size()) return std::nullopt;
  for (const size_t i : std::initializer_list<size_t>{3, 4, 7, 11, 16, 19, 22, 25, 26, 27, 28}) {
    if (text[i] != kShape[i]) return std::nullopt;
  }
  const size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  const std::string month_text = std::to_string(month / 3 + 1);
  std::string date(text.substr(12, 4));
  date += (month_text.size() == 1 ? "0" : "") + month_text;
  date += text.substr(5, 2);
  date += 'T';
  for (const size_t i : std::initializer_list<size_t>{17, 20, 23}) date += text.substr(i, 2);
  return ParseAmzDate(date + 'Z');
}

}  // namespace engine
