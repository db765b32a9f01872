"""Type: python3 -m unittest"""
import unittest

from shout import answer


class TestShout(unittest.TestCase):
    def test_says_it_in_capitals_and_keeps_the_rest(self):
        self.assertEqual(answer({"text": "hello", "id": 7}), {"text": "HELLO", "id": 7})

    def test_says_what_is_wrong(self):
        with self.assertRaisesRegex(ValueError, "field 'text' must be a string"):
            answer({"words": "hello"})


if __name__ == "__main__":
    unittest.main()
