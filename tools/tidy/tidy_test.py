#!/usr/bin/env python3
"""Goal: each check of tidy fails on a planted violation, and a clean tree passes all of them.
Method: a small repository is made in a temporary folder, one file in it is spoilt, one check runs."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import source_text  # noqa: E402
import tidy  # noqa: E402

CLEAN = {
    '.clang-format': 'BasedOnStyle: Google\nColumnLimit: 100\n',
    'engine/CMakeLists.txt': 'add_library(engine base/clock.cc wire/frame.cc)\n',
    'engine/README.md': 'The library.\n',
    'engine/base/README.md': 'Layer 0.\n',
    'engine/base/clock.h': '#pragma once\n\n#include <cstdint>\n\nint64_t Later(int64_t now);\n',
    'engine/base/clock.cc': '#include "engine/base/clock.h"\n\nint64_t Later(int64_t now) { return now + 1; }\n',
    'engine/wire/README.md': 'Bytes.\n',
    'engine/wire/frame.h': '#pragma once\n\nint FrameSize();\n',
    'engine/wire/frame.cc': '#include "engine/wire/frame.h"\n\n#include "engine/base/clock.h"\n\n'
                            'int FrameSize() { return static_cast<int>(Later(7)); }\n',
    'relay/README.md': 'The relay.\n',
    'relay/CMakeLists.txt': 'add_executable(relay main.cc)\n',
    'relay/main.cc': '#include "engine/wire/frame.h"\n\nint main() { return FrameSize(); }\n',
}


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='tidy_test.')
        self.addCleanup(shutil.rmtree, self.root)
        subprocess.run(['git', 'init', '-q', self.root], check=True)
        for path, text in CLEAN.items():
            self.write(path, text)
        for name in ('layers.txt', 'banned.ini'):
            with open(os.path.join(HERE, name), encoding='utf-8') as file:
                self.write('tools/tidy/' + name, file.read())

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as file:
            file.write(text)

    def append(self, path, text):
        self.write(path, CLEAN[path] + text)

    def found(self, check):
        return list(tidy.run(tidy.Tree(self.root), [check]))

    def assert_found(self, check, path, line, words):
        found = self.found(check)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f'{path}:{line}: {check}: '), found)
        self.assertIn(words, found[0])

    def test_a_clean_tree_passes_every_check(self):
        self.assertEqual(list(tidy.run(tidy.Tree(self.root), list(tidy.CHECKS))), [])

    def test_a_test_that_is_named_and_is_no_more_is_found(self):
        self.write('tests/e2e/x_test.py', 'def test_a(t):\n    """A"""\n')
        self.write('tests/e2e/README.md', 'x\n')
        self.write('tests/attacks.md', '| a | `x_test.test_a`, `Suite.Name`, `tidy.py --only attacks` |\n')
        self.assert_found('attacks', 'tests/attacks.md', 1, 'Suite.Name')

    def test_a_trap_without_a_test_that_names_it_is_found(self):
        self.write('tests/e2e/x_test.py', 'def test_a(t):\n    """P2 to P34: ' +
                   ' '.join(f'P{n}' for n in range(3, 34)) + '"""\n')
        self.write('tests/e2e/README.md', 'x\n')
        rows = [f'| P{n} | what | `x_test.test_a` |' for n in range(1, 35)]
        self.write('tests/traps.md', '\n'.join(rows) + '\n')
        self.assert_found('traps', 'tests/traps.md', 1, 'does not name P1')
        self.write('tests/traps.md', '\n'.join(rows[1:]) + '\n')
        self.assert_found('traps', 'tests/traps.md', 1, 'P1 has no test')

    def test_planted(self):
        self.write('engine/a.cc', 'one two one\n')
        self.write('tools/mutations/planted.py', "PLANTED = [('n', 'engine/a.cc', 'two', 'three')]\n")
        self.assertEqual(self.found('planted'), [])
        for text in ('one', 'four'):
            self.write('tools/mutations/planted.py', f"PLANTED = [('n', 'engine/a.cc', '{text}', 'three')]\n")
            self.assert_found('planted', 'tools/mutations/planted.py', 1, 'times in engine/a.cc')

    def test_an_include_upwards_is_found(self):
        self.append('engine/base/clock.cc', '#include "engine/wire/frame.h"\n')
        self.assert_found('layers', 'engine/base/clock.cc', 4, 'engine/base may not include engine/wire/frame.h')

    def test_one_program_may_not_include_another(self):
        self.write('agent/session.h', '#pragma once\n')
        self.append('relay/main.cc', '#include "agent/session.h"\n')
        self.assert_found('layers', 'relay/main.cc', 4, 'relay may not include')

    def test_an_include_that_is_not_from_the_root_is_found(self):
        self.append('engine/wire/frame.cc', '#include "frame.h"\n')
        self.assert_found('layers', 'engine/wire/frame.cc', 6, 'repository root')

    def test_the_own_header_comes_first(self):
        self.write('engine/wire/frame.cc', '#include <vector>\n\n#include "engine/wire/frame.h"\n')
        self.assert_found('layers', 'engine/wire/frame.cc', 1, 'own header')

    def test_a_foreign_header_has_one_door(self):
        self.append('relay/main.cc', '#include <openssl/ssl.h>\n')
        self.assert_found('layers', 'relay/main.cc', 4, 'openssl/ssl.h may be included only in')

    def test_protocol_code_does_no_input_or_output(self):
        self.append('engine/wire/frame.cc', '#include <sys/socket.h>\n')
        self.assert_found('layers', 'engine/wire/frame.cc', 6, 'no input or output')

    def test_a_folder_that_is_not_in_the_table_is_found(self):
        self.write('common/thing.h', '#pragma once\n')
        self.assert_found('layers', 'common/thing.h', 1, 'in no folder of')

    def test_an_include_in_a_comment_does_not_count(self):
        self.append('engine/base/clock.cc', '// #include "engine/wire/frame.h"\n')
        self.assertEqual(self.found('layers'), [])

    def test_a_header_without_a_guard_is_found(self):
        self.write('engine/wire/frame.h', 'int FrameSize();\n')
        self.assert_found('guards', 'engine/wire/frame.h', 1, '#pragma once')

    def test_a_file_of_more_than_600_lines_is_found(self):
        self.append('relay/main.cc', '\n' * 600)
        self.assert_found('size', 'relay/main.cc', 603, 'split it')

    def test_two_files_of_one_name_are_found(self):
        self.write('relay/frame.cc', 'int x;\n')
        self.assert_found('names', 'relay/frame.cc', 1, 'same name as engine/wire/frame.cc')

    def test_every_program_may_have_a_main(self):
        self.write('agent/main.cc', 'int main() {}\n')
        self.assertEqual(self.found('names'), [])

    def test_a_source_that_is_not_built_is_found(self):
        self.write('relay/forgotten.cc', 'int x;\n')
        self.assert_found('dead', 'relay/forgotten.cc', 1, 'no CMakeLists.txt')

    def test_a_source_named_only_in_a_cmake_comment_is_found(self):
        self.write('relay/CMakeLists.txt', 'add_executable(relay)  # main.cc\n')
        self.assert_found('dead', 'relay/main.cc', 1, 'no CMakeLists.txt')

    def test_a_header_that_nobody_includes_is_found(self):
        self.write('relay/forgotten.h', '#pragma once\n')
        self.assert_found('dead', 'relay/forgotten.h', 1, 'no other file includes')

    def test_a_header_that_only_its_own_source_includes_is_found(self):
        self.write('relay/alone.h', '#pragma once\n')
        self.write('relay/alone.cc', '#include "relay/alone.h"\n')
        self.write('relay/CMakeLists.txt', 'add_executable(relay main.cc alone.cc)\n')
        self.assert_found('dead', 'relay/alone.h', 1, 'no other file includes')

    def test_a_source_that_no_target_compiles_is_found_in_a_configured_build(self):
        self.write('build/compile_commands.json', '[{"directory": "%s", "file": "relay/main.cc"}]' % self.root)
        tree = tidy.Tree(self.root, os.path.join(self.root, 'build'))
        found = list(tidy.run(tree, ['dead']))
        self.assertEqual(len(found), 2, found)
        self.assertIn('compiled by no target', found[0])

    def test_a_folder_without_a_readme_is_found(self):
        self.write('client/main.cc', 'int main() {}\n')
        self.assert_found('readme', 'client/README.md', 1, 'is missing')

    def test_a_long_readme_is_found(self):
        self.write('relay/README.md', 'line\n' * 31)
        self.assert_found('readme', 'relay/README.md', 31, 'longer than 30')

    def test_what_a_tool_wrote_into_a_readme_is_not_counted(self):
        self.write('relay/README.md', 'line\n<!-- x: begin -->\n' + 'row\n' * 50 + '<!-- x: end -->\n')
        self.assertEqual(self.found('readme'), [])

    def test_banned_words_are_found(self):
        for line, rule in (
                ('auto t = std::chrono::steady_clock::now();', 'real clock'),
                ('auto t = ::time(nullptr);', 'real clock'),
                ('int r = rand();', 'randomness'),
                ('std::random_device device;', 'randomness'),
                ('auto home = ::getenv("HOME");', 'environment'),
                ('std::thread worker;', 'threads'),
                ('::usleep(5);', 'sleep'),
                ('sleep(1);', 'sleep'),
                ('throw 5;', 'exceptions'),
                ('CHECK(a && b);', 'two conditions')):
            with self.subTest(line):
                self.append('engine/wire/frame.cc', line + '\n')
                self.assert_found('banned', 'engine/wire/frame.cc', 6, rule)

    def test_words_like_banned_ones_are_not_found(self):
        for line in ('// rand() and sleep(1) in a comment', 'auto text = "std::thread";', 'int brand(int);',
                     'clock.time(5);', 'CHECK(a || (b && c));', 'Elapsed_sleep(1);'):
            with self.subTest(line):
                self.append('engine/wire/frame.cc', line + '\n')
                self.assertEqual(self.found('banned'), [])

    def test_a_banned_word_is_allowed_where_its_rule_excepts_it(self):
        self.write('relay/main.cc', 'auto home = ::getenv("HOME");\n')
        self.assertEqual(self.found('banned'), [])

    def test_a_conditional_inside_a_function_is_found(self):
        self.append('engine/wire/frame.cc', 'int Other() {\n#ifdef __linux__\n  return 1;\n#endif\n}\n')
        self.assert_found('conditionals', 'engine/wire/frame.cc', 7, '#if inside a function')

    def test_a_conditional_in_a_namespace_or_class_is_not_found(self):
        self.write('engine/wire/frame.cc',
                   'namespace a {\nclass B final : public C {\n#if 1\n  int x = 0;\n#endif\n};\n}\n#if 1\n#endif\n'
                   'void Verify() {\n#if ENGINE_VERIFY\n#endif\n}\n')
        self.assertEqual(self.found('conditionals'), [])

    def test_leftovers_are_found(self):
        for line in ('// TODO: finish', '// FIXME', 'TEST(A, DISABLED_works) {}', 'GTEST_SKIP();'):
            with self.subTest(line):
                self.append('engine/wire/frame.cc', line + '\n')
                self.assert_found('leftovers', 'engine/wire/frame.cc', 6, 'left over')

    def test_a_test_may_skip_when_it_says_what_it_needs(self):
        self.write('tests/unit/x_test.cc', 'GTEST_SKIP() << "needs root";\n')
        self.assertEqual(self.found('leftovers'), [])

    def test_a_contract_test_may_skip_a_backend(self):
        self.write('tests/contract/loop_test.cc', 'GTEST_SKIP();\n')
        self.assertEqual(self.found('leftovers'), [])

    def test_a_path_of_one_machine_is_found(self):
        self.append('relay/README.md', 'See /home/somebody/relay.\n')
        self.assert_found('paths', 'relay/README.md', 2, 'one machine')

    def test_a_badly_formatted_file_is_found(self):
        if not shutil.which('clang-format'):
            self.skipTest('clang-format is not installed')
        self.write('relay/main.cc', 'int  main( ) {return 0;}\n')
        self.assert_found('format', 'relay/main.cc', 1, 'clang-format -i relay/main.cc')

    def test_a_bad_line_in_the_table_is_named(self):
        self.write('tools/tidy/layers.txt', 'layer engine\nnonsense\n')
        with self.assertRaisesRegex(ValueError, 'layers.txt:2'):
            self.found('layers')


class SourceTextTest(unittest.TestCase):
    def test_comments_and_literals_are_blank_and_lines_stay(self):
        text = 'int a; // x\n/* y\nz */ auto b = "q\\"r"; auto c = R"(s\nt)"; int d = 1\'000;\n'
        code = source_text.code_only(text)
        self.assertEqual(code.count('\n'), text.count('\n'))
        for letter in 'xyzqrst':
            self.assertNotIn(letter, code.replace('int', '').replace('auto', ''))
        self.assertIn("1'000", code)


if __name__ == '__main__':
    unittest.main()
