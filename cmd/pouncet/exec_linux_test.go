// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no terminals: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keyboard, screen
}

// TestSignalsArriveOnce checks that a command gets each signal exactly once: one for this program only, and one that
// the whole process group gets, from the terminal or from another process.
func TestSignalsArriveOnce(t *testing.T) {
	toProgram := func(s syscall.Signal) func(pid int, _ io.Writer) {
		return func(pid int, _ io.Writer) { _ = syscall.Kill(pid, s) }
	}
	toGroup := func(s syscall.Signal) func(pid int, _ io.Writer) {
		return func(pid int, _ io.Writer) { _ = syscall.Kill(-pid, s) }
	}
	for name, c := range map[string]struct {
		terminal, piped bool
		send            func(pid int, keyboard io.Writer)
		want            string
	}{
		"Ctrl-C at a terminal":           {true, false, func(_ int, k io.Writer) { _, _ = k.Write([]byte{3}) }, "interrupt"},
		"Ctrl-C with another input":      {true, true, func(_ int, k io.Writer) { _, _ = k.Write([]byte{3}) }, "interrupt"},
		"Ctrl-\\ at a terminal":          {true, false, func(_ int, k io.Writer) { _, _ = k.Write([]byte{28}) }, "quit"},
		"kill -INT at a terminal":        {true, false, toProgram(syscall.SIGINT), "interrupt"},
		"kill -HUP at a terminal":        {true, true, toProgram(syscall.SIGHUP), "hangup"},
		"kill -INT without a terminal":   {false, true, toProgram(syscall.SIGINT), "interrupt"},
		"kill -TERM without a terminal":  {false, true, toProgram(syscall.SIGTERM), "terminated"},
		"kill -TERM for the whole group": {false, true, toGroup(syscall.SIGTERM), "terminated"},
		"kill -USR1 for the whole group": {true, true, toGroup(syscall.SIGUSR1), "user defined signal 1"},
		"kill -QUIT for the whole group": {false, true, toGroup(syscall.SIGQUIT), "quit"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("pouncet", "run", "--env", "dev", "--", "print-signals")
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			var keyboard *os.File
			if c.terminal {
				var screen *os.File
				keyboard, screen = openTerminal(t)
				cmd.Stdin, cmd.Stderr = screen, screen
				cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 2
			}
			if c.piped {
				cmd.Stdin = nil
				if _, err := cmd.StdinPipe(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var got []string
			lines := bufio.NewScanner(output)
			for lines.Scan() {
				switch got = append(got, strings.TrimSpace(lines.Text())); len(got) {
				case 1:
					c.send(cmd.Process.Pid, keyboard)
				case 2:
					_ = cmd.Process.Signal(syscall.SIGUSR2) // the command ends after this one
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if want := []string{"ready", c.want, "user defined signal 2"}; !slices.Equal(got, want) {
				t.Errorf("the command printed %q, want %q", got, want)
			}
		})
	}
}

func TestInterruptEndsTheWaitForAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", "--env", "dev", "--file", pipe, "--", "true"},
		{"secret", "list", "--endpoint", "http://127.0.0.1:1", "--token-file", pipe},
		{"secret", "set", "s", "--env", "dev", "--file", pipe},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var stderr bytes.Buffer
		code := run(ctx, args, streams{nil, io.Discard, &stderr})
		if code != exitInterrupted || stderr.String() != "pouncet: interrupted\n" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}
