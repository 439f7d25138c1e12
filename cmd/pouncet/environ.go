// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sirupsen/logrus"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// inherited is the source of a variable that comes from this process.
const inherited = "the environment"

// variables builds the environment of a command from the environment of this
// process and from files of variables.
//
// An inherited variable with a reference becomes a file with one line, so that
// it is rendered in the same request as the files.
type variables struct {
	plain     []string           // inherited variables without a reference, as NAME=value
	templated []interpolate.File // inherited variables with a reference; the file name is "$" and the variable's
	files     []interpolate.File
	override  bool              // a file may replace an inherited variable
	keepToken bool              // the command gets the token of this process
	sources   map[string]string // file or inherited, by variableKey
}

// inherit adds the environment of this process.
func (v *variables) inherit(environ []string, keepToken bool) {
	v.sources, v.keepToken = map[string]string{}, keepToken
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if k := variableKey(name); k == settingIdentity || k == settingToken && !keepToken {
			continue
		}
		v.sources[variableKey(name)] = inherited
		if !strings.Contains(value, "{{") && !strings.Contains(value, "pouncet://") {
			v.plain = append(v.plain, e)
			continue
		}
		// YAML must be UTF-8. Other values are rendered as plain text, in which only {{ }} is a reference.
		f := interpolate.File{Name: "$" + name, Data: []byte(value), Format: interpolate.FormatText}
		if utf8.ValidString(value) {
			f.Data, f.Format = []byte("value: "+strconv.QuoteToASCII(value)), interpolate.FormatYAML
		}
		v.templated = append(v.templated, f)
	}
}

// read adds a file of variables.
func (v *variables) read(ctx context.Context, path string) error {
	text, err := readNamed(ctx, "variables", path)
	if err != nil {
		return err
	}
	file := interpolate.File{Name: path, Data: text}
	switch interpolate.FormatOf(path) {
	case interpolate.FormatDotenv:
		file.Format = interpolate.FormatVariables
	case interpolate.FormatByName:
		file.Format = interpolate.FormatYAML // the file is only read
	}
	v.files = append(v.files, file)
	return nil
}

// resolve fills all references in one request and returns the environment as
// NAME=value.
func (v *variables) resolve(ctx context.Context, r interpolate.Resolver, o interpolate.Options) ([]string, error) {
	all := append(v.templated[:len(v.templated):len(v.templated)], v.files...)
	if warn := o.Warn; warn != nil {
		o.Warn = func(p interpolate.Problem) { warn(v.withoutPosition(p)) }
	}
	rendered, err := interpolate.Render(ctx, r, all, o)
	var problems interpolate.Problems
	if errors.As(err, &problems) {
		for i, p := range problems {
			problems[i] = v.withoutPosition(p)
		}
	}
	if err != nil {
		return nil, withoutFormatFlag(err)
	}
	set := map[string]interpolate.Variable{} // by variableKey
	for i, f := range rendered {
		if i < len(v.templated) {
			err = v.setInherited(set, f, v.templated[i].Format)
		} else {
			err = v.setFromFile(set, f, v.files[i-len(v.templated)].Format)
		}
		if err != nil {
			return nil, withoutFormatFlag(err)
		}
	}
	out := make([]string, 0, len(v.plain)+len(set))
	for _, e := range v.plain {
		name, _, _ := strings.Cut(e, "=")
		if _, replaced := set[variableKey(name)]; !replaced {
			out = append(out, e)
		}
	}
	for _, x := range set {
		out = append(out, x.Name+"="+x.Value)
	}
	return out, nil
}

// withoutPosition removes the line and column of a problem in an inherited
// variable: they count in a file that the user does not see.
func (v *variables) withoutPosition(p interpolate.Problem) interpolate.Problem {
	isTemplated := func(f interpolate.File) bool { return f.Name == p.Pos.File }
	if slices.ContainsFunc(v.templated, isTemplated) {
		p.Pos.Line, p.Pos.Column = 0, 0
	}
	return p
}

// withoutFormatFlag removes --file-format from the hints of err: run has no such flag, and cannot use a template.
func withoutFormatFlag(err error) error {
	var problems interpolate.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if p.Err.Hint == interpolate.HintParse {
				p.Err.Hint = "correct the file"
			}
		}
	}
	return err
}

// setInherited sets the inherited variable that the rendered file f stands for.
func (v *variables) setInherited(
	set map[string]interpolate.Variable, f interpolate.File, format interpolate.Format,
) error {
	parsed := []interpolate.Variable{{Value: string(f.Data)}}
	if format != interpolate.FormatText {
		var err error
		if parsed, err = parseMapping(f); err != nil {
			return err
		}
	}
	for _, x := range parsed {
		x.Name = strings.TrimPrefix(f.Name, "$")
		if err := setVariable(set, f, x); err != nil {
			return err
		}
	}
	return nil
}

// setFromFile sets the variables of the rendered file f.
func (v *variables) setFromFile(
	set map[string]interpolate.Variable, f interpolate.File, format interpolate.Format,
) error {
	var parsed []interpolate.Variable
	var err error
	if format == interpolate.FormatVariables {
		logrus.SetFormatter(unsetVariable{f.Name})
		parsed, err = interpolate.ParseVariables(f, func(name string) (string, bool) { return v.lookup(set, name) })
	} else {
		parsed, err = parseMapping(f)
	}
	if err != nil {
		return err
	}
	for _, x := range parsed {
		if err := v.claim(x.Name, f.Name); err != nil {
			return err
		}
		if err := setVariable(set, f, x); err != nil {
			return err
		}
	}
	return nil
}

// unsetVariable writes the warnings of compose-go as messages of this program: a variable of a file is not set.
type unsetVariable struct{ file string }

// Format implements logrus.Formatter.
func (u unsetVariable) Format(e *logrus.Entry) ([]byte, error) {
	_, name, quoted := strings.Cut(e.Message, `"`)
	if !quoted {
		return fmt.Appendf(nil, "pouncet: %s: %s\n", u.file, backend.PrintableLine(e.Message)), nil
	}
	name, _, _ = strings.Cut(name, `"`)
	return fmt.Appendf(nil, "pouncet: %s: variable %s is not set, so it is empty\n", u.file, backend.Quote(name)), nil
}

func setVariable(set map[string]interpolate.Variable, f interpolate.File, x interpolate.Variable) error {
	if strings.ContainsRune(x.Value, 0) {
		return backend.Errorf(backend.CodeInvalid,
			"%s: the value of %s contains a NUL byte, which an environment variable cannot hold",
			f.Name, backend.Quote(x.Name)).
			WithHint("write the value to a file with pouncet render")
	}
	set[variableKey(x.Name)] = x
	return nil
}

// lookup returns a variable that is set already or inherited.
func (v *variables) lookup(set map[string]interpolate.Variable, name string) (string, bool) {
	if x, ok := set[variableKey(name)]; ok {
		return x.Value, true
	}
	for _, e := range v.plain {
		if n, value, _ := strings.Cut(e, "="); variableKey(n) == variableKey(name) {
			return value, true
		}
	}
	return "", false
}

// claim records that a file sets a variable. Each variable may have only one
// source, except that with override a file may replace an inherited one.
func (v *variables) claim(name, file string) error {
	if !isVariableName(name) {
		return backend.Errorf(backend.CodeInvalid, "%s: %s is not a valid name of a variable",
			file, backend.Quote(name)).
			WithHint("use letters, digits and _, and do not start with a digit")
	}
	if key := variableKey(name); v.keepToken && (key == settingEndpoint || key == settingCACert) {
		return backend.Errorf(backend.CodeDenied, "%s: with --keep-token, a file may not set %s", file, key).
			WithHint("set %s in the environment; a file must not choose which server gets the token", key)
	}
	source, taken := v.sources[variableKey(name)]
	switch {
	case taken && source == inherited && !v.override:
		return backend.Errorf(backend.CodeExists, "%s: variable %s already exists in the environment",
			file, backend.Quote(name)).
			WithHint("rename the variable, or use --override to replace it")
	case taken && source != inherited:
		return backend.Errorf(backend.CodeExists, "%s: variable %s already exists in %s",
			file, backend.Quote(name), source).
			WithHint("remove or rename one of the two")
	}
	v.sources[variableKey(name)] = file
	return nil
}

// isVariableName reports whether every shell accepts this name of a variable.
func isVariableName(s string) bool {
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
