// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// sampleLines returns the lines with which package yaml tests its outlines.
func sampleLines(tb testing.TB) []string {
	tb.Helper()
	data, err := os.ReadFile("format/yaml/testdata/lines.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for quoted := range strings.Lines(string(data)) {
		line, err := strconv.Unquote(strings.TrimSuffix(quoted, "\n"))
		if err != nil {
			tb.Fatal(quoted, err)
		}
		out = append(out, line)
	}
	return out
}

// TestLinePairsRenderLikeParser checks the law of the fuzz test below for every pair of lines.
func TestLinePairsRenderLikeParser(t *testing.T) {
	lines := sampleLines(t)
	for i, first := range lines {
		for j, second := range lines {
			for _, text := range []string{first + "\n" + second + "\n", "a:\n" + first + "\n" + second + "\nb: c"} {
				checkSameAsParser(t, text, hardInputs[(i+j)%len(hardInputs)], Missing((i+j)%3))
			}
		}
	}
}

// runResult is everything that a run of one file returns.
type runResult struct {
	Data     string
	Problems []string
	Warnings []string
	Refs     []Reference
}

func runFile(text, value string, missing Missing, thorough bool) runResult {
	d := &Document{file: File{Name: "f.yaml", Data: []byte(text)}}
	var out runResult
	problems := d.scan(thorough)
	if len(problems) == 0 {
		out.Refs = d.References()
		v, err := resolveAll(context.Background(), secretS(value), []*Document{d},
			Options{Project: "p", Environment: "e", Missing: missing})
		if err != nil {
			return runResult{Data: err.Error()}
		}
		var data []byte
		data, problems = d.fill(v)
		out.Data = string(data)
	}
	for _, p := range problems {
		out.Problems = append(out.Problems, fmt.Sprintf("%s %+v", p.Error(), *p.Err))
	}
	for _, p := range d.warnings {
		out.Warnings = append(out.Warnings, p.Error())
	}
	return out
}

// secretS is a resolver with one secret, named s.
type secretS string

func (o secretS) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, r := range refs {
		if r.Name == "s" {
			out[i].Value = backend.PlaintextString(string(o))
		} else {
			out[i].Err = backend.Errorf(backend.CodeNotFound, "the secret does not exist")
		}
	}
	return out, nil
}

// FuzzOutlineRendersLikeParser checks that a file has the same result, problems and warnings, whether it is read
// through its outline or parsed.
func FuzzOutlineRendersLikeParser(f *testing.F) {
	n := 0
	add := func(text string) {
		n++
		f.Add(text, hardInputs[n%len(hardInputs)], uint8(n))
	}
	inputs, _ := filepath.Glob("testdata/*.in.yaml")
	for _, path := range inputs {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		add(string(data))
	}
	lines := sampleLines(f)
	for _, line := range lines {
		add("a:\n" + line)
	}
	add(strings.Join(lines, "\n"))
	f.Fuzz(func(t *testing.T, text, value string, missing uint8) {
		checkSameAsParser(t, text, value, Missing(missing%3))
	})
}

// hardInputs are values that have a meaning in YAML.
var hardInputs = []string{"v", "1", "a: b # c", "\n", "'\"\\", " x ", "-", "|", "\u2028é\x00", "null", ""}

func checkSameAsParser(t *testing.T, text, value string, missing Missing) {
	fast := runFile(text, value, missing, false)
	slow := runFile(text, value, missing, true)
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("%q with %q, %d:\nby its outline %+v\nby the parser  %+v", text, value, missing, fast, slow)
	}
}

// comparesAs is a format whose Compare returns this error.
type comparesAs struct {
	format.Format
	err error
}

func (c comparesAs) Compare([]format.Edit) error { return c.err }

// TestResultOfCompare renders a file whose format compares in every way.
func TestResultOfCompare(t *testing.T) {
	const text = "a: {{ get_secret_value('s') }}\nb: c\n"
	const value = "secret-canary: x"
	want := runFile(text, value, MissingError, true)
	for _, c := range []struct {
		name string
		err  error
		want string // the problem
	}{
		{"equal", nil, ""},
		{"undecided", format.ErrUndecided, ""}, // the file is read again, and then compares as equal
		{"different", &format.Difference{}, "f.yaml:1:4: {{ get_secret_value('s') }}: the values would change other parts"},
		{"different at a position", &format.Difference{Line: 2, Column: 3},
			"f.yaml:2:3: the values would change other parts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &Document{file: File{Name: "f.yaml", Data: []byte(text)}}
			if problems := d.scan(false); len(problems) > 0 {
				t.Fatal(problems)
			}
			v, err := resolveAll(t.Context(), secretS(value), []*Document{d}, Options{Project: "p", Environment: "e"})
			if err != nil {
				t.Fatal(err)
			}
			d.format = comparesAs{d.format, c.err}
			data, problems := d.fill(v)
			if c.want == "" {
				if len(problems) > 0 || string(data) != want.Data || !strings.Contains(want.Data, value) {
					t.Errorf("got %q, %v; want %q", data, problems, want.Data)
				}
				return
			}
			if data != nil || !errors.Is(problems, backend.ErrInternal) ||
				!strings.HasPrefix(problems.Error(), c.want) || strings.Contains(problems.Error(), "canary") {
				t.Errorf("got %q, %v", data, problems)
			}
		})
	}
}
