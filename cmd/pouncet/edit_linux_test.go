// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// editorBackend makes a backend with the secret s in the environment dev, and a folder for the files of editors.
func editorBackend(t *testing.T) (files string) {
	t.Helper()
	files = t.TempDir()
	t.Setenv(settingHome, filepath.Join(t.TempDir(), ".pouncet"))
	t.Setenv("XDG_RUNTIME_DIR", files)
	t.Setenv("TMPDIR", files)
	t.Setenv("VISUAL", "")
	for _, args := range []string{"init", "env set dev", "secret set s --env dev --stdin"} {
		var stderr bytes.Buffer
		s := streams{strings.NewReader("CANARY"), new(bytes.Buffer), &stderr}
		if code := run(context.Background(), strings.Fields(args), s); code != exitOK {
			t.Fatalf("%s: exit code %d, %s", args, code, stderr.String())
		}
	}
	return files
}

// editAtTerminal starts an edit of the secret s at a terminal, and waits until the terminal shows a text.
func editAtTerminal(t *testing.T, editor, text string) (cmd *exec.Cmd, keyboard *os.File) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a lost signal must not keep the test waiting
	t.Cleanup(cancel)
	keyboard, screen := openTerminal(t)
	cmd = exec.CommandContext(ctx, "pouncet", "secret", "edit", "s", "--env", "dev")
	cmd.Env = append(os.Environ(), "EDITOR="+editor)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	shown := ""
	for keys := bufio.NewReader(keyboard); !strings.Contains(shown, text); {
		key, err := keys.ReadByte()
		if err != nil {
			t.Fatalf("the terminal shows %q: %v", shown, err)
		}
		shown += string(key)
	}
	return cmd, keyboard
}

// TestInterruptedQuestionOfEdit checks that Ctrl-C at a question of an edit ends the command and removes the file.
func TestInterruptedQuestionOfEdit(t *testing.T) {
	files := editorBackend(t)
	for question, editor := range map[string]string{
		"Edit the value again? [Y/n] ": ": >",
		"Edit your value again, to replace version 2? [Y/n] ": "printf other | pouncet secret set s --env dev --stdin && " +
			"printf mine >",
	} {
		cmd, keyboard := editAtTerminal(t, editor, question)
		const ctrlC = 3
		if _, err := keyboard.Write([]byte{ctrlC}); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
			t.Errorf("%q: Ctrl-C ends the command with %v, want exit code %d", question, err, exitInterrupted)
		}
		if left, err := os.ReadDir(files); err != nil || len(left) > 0 {
			t.Errorf("%q: Ctrl-C left %v, %v", question, left, err)
		}
	}
}

// TestKilledEdit checks that an edit removes the files of a killed one, and neither those of one that is running nor
// what another program or user can have made.
func TestKilledEdit(t *testing.T) {
	files := editorBackend(t)
	for name, mode := range map[string]os.FileMode{"pouncet-edit-open": 0o755, "other": 0o700, "target": 0o700} {
		if err := errors.Join(os.Mkdir(filepath.Join(files, name), 0o700),
			os.WriteFile(filepath.Join(files, name, "file"), nil, 0o600),
			os.Chmod(filepath.Join(files, name), mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("target", filepath.Join(files, "pouncet-edit-link")); err != nil {
		t.Fatal(err)
	}
	killed, _ := editAtTerminal(t, "echo ready; exec sleep 60 #", "ready")
	running, _ := editAtTerminal(t, "echo ready; exec sleep 60 #", "ready")
	values := func() []string {
		left, err := filepath.Glob(filepath.Join(files, "pouncet-edit-*", "s.txt"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	if got := values(); len(got) != 2 {
		t.Fatalf("two edits have the files %v", got)
	}
	_ = syscall.Kill(-killed.Process.Pid, syscall.SIGKILL)
	_ = killed.Wait()
	t.Setenv("EDITOR", "true")
	var stderr bytes.Buffer
	s := streams{nil, new(bytes.Buffer), &stderr}
	if code := run(context.Background(), []string{"secret", "edit", "s", "--env", "dev"}, s); code != exitOK {
		t.Fatalf("exit code %d, %s", code, stderr.String())
	}
	if !strings.Contains(stderr.String(), "pouncet: removed "+files) {
		t.Errorf("nothing says what was removed: %s", stderr.String())
	}
	if got := values(); len(got) != 1 {
		t.Errorf("a killed and a running edit left the files %v", got)
	}
	if err := running.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = running.Wait()
	left, err := filepath.Glob(filepath.Join(files, "*", "*"))
	if err != nil || len(left) != 4 { // of open, other, target, and of target through the link
		t.Errorf("at the end there are %v, %v", left, err)
	}
}
