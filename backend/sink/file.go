// SPDX-License-Identifier: MPL-2.0

package sink

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// file is a file that only this user can read.
type file struct {
	path string
	open *os.File
}

func (f *file) String() string { return "file:" + f.path }

func (f *file) Reopen() {
	if f.open != nil {
		_ = f.open.Close()
		f.open = nil
	}
}

// Write writes a line, all of it or nothing: a disk that is full in the middle of a line must not leave a part of it. A
// file that was moved or removed meanwhile is made again.
func (f *file) Write(_ context.Context, record backend.Object) error {
	size, err := f.ready()
	if err != nil {
		return err
	}
	if _, err := f.open.WriteString(lineOf(record) + "\n"); err != nil {
		return errors.Join(err, f.open.Truncate(size))
	}
	return nil
}

func (f *file) Open(context.Context) error {
	_, err := f.ready()
	return err
}

// ready opens the file unless it is open, and returns its size.
func (f *file) ready() (int64, error) {
	if f.open != nil {
		now, err := os.Stat(f.path)
		is, openErr := f.open.Stat()
		if err == nil && openErr == nil && os.SameFile(now, is) {
			return now.Size(), nil
		}
		f.Reopen()
	}
	if err := durable.CheckRegular(f.path); err != nil {
		return 0, err
	}
	opened, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	is, err := opened.Stat()
	if err != nil {
		return 0, errors.Join(err, opened.Close())
	}
	f.open = opened
	return is.Size(), nil
}

// tailBytes is how much of the end of a file Last reads.
const tailBytes = 16 << 20

// Last returns the records of the last lines. A last line without its end is from a process that was killed: it is
// removed, and written again.
func (f *file) Last() (ids map[string]bool, since time.Time, err error) {
	if err := durable.CheckRegular(f.path); err != nil {
		return nil, time.Time{}, err
	}
	opened, err := os.OpenFile(f.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	defer opened.Close()
	is, err := opened.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	from := max(is.Size()-tailBytes, 0)
	end, err := io.ReadAll(io.NewSectionReader(opened, from, is.Size()-from))
	if err != nil {
		return nil, time.Time{}, err
	}
	if whole := bytes.LastIndexByte(end, '\n') + 1; whole < len(end) {
		end = end[:whole]
		if err := opened.Truncate(from + int64(whole)); err != nil {
			return nil, time.Time{}, err
		}
	}
	ids, since = lastLines(end, from > 0)
	return ids, since, nil
}

// lastLines returns the records of lines, and the time after which no other record has a line. isCut says that other
// lines come before.
func lastLines(lines []byte, isCut bool) (ids map[string]bool, since time.Time) {
	ids = map[string]bool{}
	var first, last time.Time
	for s := bufio.NewReader(bytes.NewReader(lines)); ; {
		line, err := s.ReadBytes('\n')
		if err != nil {
			break
		}
		var l backend.RecordLine
		if json.Unmarshal(line, &l) == nil && l.Number > 0 {
			ids[idOf(l)] = true
			if first.IsZero() {
				first = l.At
			}
			if l.At.After(last) {
				last = l.At
			}
		}
	}
	switch since = last.Add(-overlap); {
	case last.IsZero():
		return ids, time.Time{}
	case isCut && since.Before(first):
		return ids, first
	}
	return ids, since
}

// idOf returns the id that the object of a record has.
func idOf(l backend.RecordLine) string {
	return fmt.Sprintf("%s/%s/%d", l.Records, cmp.Or(l.Log, "deployment"), l.Number)
}

// withoutDetail returns the line of a record without its detail, for a datagram.
func withoutDetail(o backend.Object) string {
	l := o.Record.Parse()
	text, err := json.Marshal(map[string]any{"records": l.Records, "log": l.Log, "number": l.Number, "at": l.At,
		"principal": l.Principal, "role": l.Role, "verb": l.Verb, "phase": l.Phase, "code": l.Code,
		"detail_bytes": len(o.Record.Line)})
	if err != nil {
		panic(err) // texts and numbers
	}
	return string(text)
}
