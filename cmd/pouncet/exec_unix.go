// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// passedOn are the signals that a command gets. This program ends when the command does.
var passedOn = []os.Signal{
	os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// startWitness starts a witness for a command that starts next. It also returns how many signals came before.
func startWitness(signals <-chan os.Signal) (w *witness, before int) {
	for {
		before = len(signals)
		w = newWitness()
		if len(signals) == before {
			return w, before
		}
		w.end() // a signal came meanwhile, and may have ended it
	}
}

// passOn sends signals to a running command until done is closed. The command also gets those that came before it. A
// signal that the whole process group gets, such as Ctrl-C at a terminal, reaches the command without help, and must
// not reach it twice: some programs end at once when they get a second Ctrl-C, and lose their work. If it comes in the
// moment between startWitness and the start of the command, as one of the first signals does, it may have missed the
// command. Then a Ctrl-C is lost. A signal that is to end the command is passed on, even if it arrives twice.
func passOn(p *os.Process, w *witness, signals <-chan os.Signal, came signalsBefore, done <-chan struct{}) {
	for range came.witness {
		_ = p.Signal(<-signals)
	}
	beforeStart := came.start - came.witness
	// Signals that are close together do not arrive in the order in which they were sent. So the witness may have been
	// ended by one that is still to come.
	toGroup := map[os.Signal]bool{}
	for {
		select {
		case s := <-signals:
			if by := w.end(); by != nil {
				toGroup[by] = true
			}
			w = newWitness()
			mayHaveMissed := beforeStart > 0 && endsCommand(s)
			beforeStart--
			if !toGroup[s] || !inOwnGroup(p.Pid) || mayHaveMissed {
				_ = p.Signal(s) // the command may have ended already
			}
			delete(toGroup, s)
		case <-done:
			w.end()
			return
		}
	}
}

// endsCommand reports whether a signal asks a command to end, and is not from a key of the terminal.
func endsCommand(s os.Signal) bool { return s == syscall.SIGTERM || s == syscall.SIGHUP }

// inOwnGroup reports whether a process is in the process group of this program. A command can leave it, as setsid does,
// and then gets no signal that is sent to the group.
func inOwnGroup(pid int) bool {
	group, err := syscall.Getpgid(pid)
	return err == nil && group == syscall.Getpgrp()
}

// witness is a process in the same process group that does nothing: cat with an input that never gives data. Go does
// not say who sent a signal, and to whom. But a signal to the group ends the witness, and a signal to this process does
// not.
type witness struct {
	cmd   *exec.Cmd
	input io.Closer
}

// newWitness starts a witness. It returns nil if there is no cat, as in an image that holds only this program.
func newWitness() *witness {
	for _, path := range []string{"/bin/cat", "/usr/bin/cat"} {
		cmd := exec.Command(path) //nolint:noctx // it ends with its input
		cmd.Env, cmd.Dir = []string{}, "/"
		input, err := cmd.StdinPipe()
		if err == nil && cmd.Start() == nil {
			return &witness{cmd, input}
		}
	}
	return nil
}

// end ends the witness. It returns the signal to the group that has ended it before, or nil. A pending signal comes
// before the end of the input, so the answer does not depend on time. A stopped witness would not end, so it is
// continued. A witness that does not end within witnessTime is killed, because a signal for the command waits for it.
func (w *witness) end() os.Signal {
	if w == nil {
		return nil
	}
	_ = w.input.Close()
	_ = w.cmd.Process.Signal(syscall.SIGCONT)
	kill := time.AfterFunc(witnessTime, func() { _ = w.cmd.Process.Kill() })
	defer kill.Stop()
	var exit *exec.ExitError
	if !errors.As(w.cmd.Wait(), &exit) {
		return nil
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() &&
		status.Signal() != syscall.SIGKILL {
		return status.Signal()
	}
	return nil
}

// witnessTime is how long the end of a witness may take.
const witnessTime = 2 * time.Second

// largestPipe limits what is read from a pipe after the command has ended: a process in the background may write
// forever. Linux allows no larger pipe without privileges.
const largestPipe = 1 << 20

// maskOutput lets a command write into two writers. Call the returned function when the command has ended: it writes
// the rest of its output, closes the writers, and returns the first error.
//
// A pipe ends when the last process has closed it. A process that the command has left in the background must not keep
// this program alive, so the rest of the output is what is in the pipe when the command ends.
func maskOutput(cmd *exec.Cmd, stdout, stderr io.WriteCloser) (finish func() error, err error) {
	var outputs []*maskedOutput
	finish = func() error {
		var first error
		for _, o := range outputs {
			first = cmp.Or(first, o.finish())
		}
		return first
	}
	for _, stream := range []struct {
		of *io.Writer
		to io.WriteCloser
	}{{&cmd.Stdout, stdout}, {&cmd.Stderr, stderr}} {
		r, w, err := os.Pipe()
		if err != nil {
			_ = finish()
			return nil, err
		}
		*stream.of = w
		o := &maskedOutput{to: stream.to, r: r, w: w, copied: make(chan error, 1)}
		go o.copy()
		outputs = append(outputs, o)
	}
	return finish, nil
}

// maskedOutput is one output of a command: a pipe whose content is copied to a writer.
type maskedOutput struct {
	to     io.WriteCloser
	r, w   *os.File
	copied chan error
}

func (o *maskedOutput) copy() {
	_, err := io.Copy(o.to, o.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	if err != nil {
		_ = o.r.Close() // the command learns that nobody reads its output
	}
	o.copied <- err
}

// finish writes the rest of the output, and returns the first error.
func (o *maskedOutput) finish() error {
	_ = o.w.Close()
	_ = o.r.SetReadDeadline(time.Now())
	err := <-o.copied
	if err == nil {
		_ = o.r.SetReadDeadline(time.Time{})
		err = copyPending(o.to, o.r)
		_ = o.r.Close()
	}
	return cmp.Or(err, o.to.Close())
}

// copyPending copies what is in a pipe now.
func copyPending(to io.Writer, pipe *os.File) error {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	for total := 0; total < largestPipe; {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = syscall.Read(int(fd), buffer)
			return true // even if there is no data
		})
		if err != nil || n <= 0 {
			return err
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
		total += n
	}
	return nil
}

// bindChildren does nothing: this program passes a signal on before it ends.
func bindChildren() (release func()) { return func() {} }

// exitCodeOf returns the exit code of a command as a shell reports it: 128 plus
// the signal's number for a command that a signal ended.
func exitCodeOf(e *exec.ExitError) int {
	if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return e.ExitCode()
}

// variableKey returns the same key for all names of one environment variable.
func variableKey(name string) string { return name }

// fileSizeLimit returns the size of the largest file that this process may write, if there is a limit. A write beyond
// it fails as on a full disk or with an error that names no reason.
func fileSizeLimit() (bytes uint64, limited bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
	bytes = uint64(limit.Cur) //nolint:unconvert // FreeBSD has another type
	return bytes, err == nil && bytes < 1<<62
}
