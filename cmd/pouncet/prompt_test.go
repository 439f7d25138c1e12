// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, c := range map[string]struct{ typed, want, err string }{
		"Enter ends the line":                        {"a b\rnext", "a b", ""},
		"a newline ends the line":                    {"ab\nnext", "ab", ""},
		"a tab is part of the value":                 {"a\tb\r", "a\tb", ""},
		"backspace deletes a character of two bytes": {"aé\x7fb\x08c\r", "ac", ""},
		"backspace at the start does nothing":        {"\x7fa\r", "a", ""},
		"Ctrl-U deletes the line":                    {"wrong\x15right\r", "right", ""},
		"a line is not cut":                          {long + "\r", long, ""},
		"Ctrl-D after text ends the line":            {"ab\x04", "ab", ""},
		"an empty line is empty":                     {"\r", "", ""},
		"Ctrl-D without text is an error":            {"\x04", "", "the input ended before a value; nothing was changed"},
		"a closed terminal is an error":              {"", "", "the input ended before a value; nothing was changed"},
		"an arrow is an error":                       {"ab\x1b[Dc\r", "", "a key that is not a character was pressed"},
		"more than the largest value is an error":    {strings.Repeat("x", maxInput+1), "", "the input has more than"},
		"Ctrl-C interrupts":                          {"ab\x03", "", context.Canceled.Error()},
	} {
		got, err := readLine(strings.NewReader(c.typed))
		if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %d bytes, error %v", name, len(got), err)
		}
	}
	if _, err := readLine(strings.NewReader("\x03")); !errors.Is(err, context.Canceled) {
		t.Errorf("Ctrl-C does not end with the exit code of an interruption: %v", err)
	}
}
