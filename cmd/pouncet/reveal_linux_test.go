// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"golang.org/x/term"
)

// TestValueAtATerminal checks that a terminal gets the control characters of a value escaped, and with --raw as they
// are. A pipe always gets the bytes of the value. A terminal never gets the bytes of a binary value.
func TestValueAtATerminal(t *testing.T) {
	t.Setenv(settingHome, t.TempDir()+"/.pouncet")
	call := func(s streams, args ...string) {
		t.Helper()
		var stderr bytes.Buffer
		if s.err == nil {
			s.err = &stderr
		}
		if code := run(context.Background(), args, s); code != exitOK {
			t.Fatalf("%v: exit code %d, %s", args, code, stderr.String())
		}
	}
	const value = "::1\ta\x1b[2J\u202e\rb"
	const escaped = "::1\ta" + `\u001b[2J\u202e\rb`
	const note = "pouncet: control characters of the value are escaped; to print them as they are, use --raw\n"
	call(streams{nil, new(bytes.Buffer), nil}, "init")
	call(streams{nil, new(bytes.Buffer), nil}, "env", "set", "dev")
	const binary = "CANARY\xff\x00"
	const inBase64 = "Q0FOQVJZ/wA=\n"
	const binaryNote = "pouncet: the value is binary and is shown in base64; " +
		"to write its bytes to a file, use --output FILE\n"
	for name, text := range map[string]string{"s": value, "plain": "##[x] ::y", "binary": binary} {
		call(streams{strings.NewReader(text), new(bytes.Buffer), nil}, "secret", "set", name, "--env", "dev", "--stdin")
	}
	for _, command := range []string{"secret reveal", "resolve"} {
		args := append(strings.Fields(command), "--env", "dev")
		for _, c := range []struct{ name, flag, shown, note string }{
			{"s", "", escaped + "\n", note}, {"s", "--raw", value + "\n", ""}, {"plain", "", "##[x] ::y\n", ""},
			{"binary", "", inBase64, binaryNote}, {"binary", "--raw", inBase64, binaryNote},
		} {
			keyboard, screen := openTerminal(t)
			if _, err := term.MakeRaw(int(screen.Fd())); err != nil { // otherwise it changes what is written
				t.Fatal(err)
			}
			all := append(args[:len(args):len(args)], c.name)
			if c.flag != "" {
				all = append(all, c.flag)
			}
			var stderr bytes.Buffer
			if c.name == "binary" && command == "resolve" {
				code := run(context.Background(), all, streams{nil, screen, &stderr})
				if code != exitFailure || !strings.Contains(stderr.String(), "--output FILE") ||
					strings.Contains(stderr.String(), "CANARY") {
					t.Errorf("%v: exit code %d, %s", all, code, stderr.String())
				}
				continue
			}
			call(streams{nil, screen, &stderr}, all...)
			if got := textOf(t, keyboard, screen); got != c.shown || stderr.String() != c.note {
				t.Errorf("%v: the terminal shows %q, and %q", all, got, stderr.String())
			}
		}
		for _, flag := range []string{"", "--raw"} {
			var out, stderr bytes.Buffer
			all := append(args[:len(args):len(args)], "s")
			if flag != "" {
				all = append(all, flag)
			}
			call(streams{nil, &out, &stderr}, all...)
			if out.String() != value || stderr.Len() > 0 {
				t.Errorf("%v: a pipe gets %q, and %q", all, out.String(), stderr.String())
			}
		}
	}
}

// textOf returns what was written to a terminal. It writes a mark after it, because a read may return only a part.
func textOf(t *testing.T, keyboard io.Reader, screen io.Writer) string {
	t.Helper()
	const mark = "\x04END"
	if _, err := io.WriteString(screen, mark); err != nil {
		t.Fatal(err)
	}
	var text []byte
	for part := make([]byte, 1024); !bytes.HasSuffix(text, []byte(mark)); {
		n, err := keyboard.Read(part)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part[:n]...)
	}
	return strings.TrimSuffix(string(text), mark)
}
