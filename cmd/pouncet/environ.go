// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// variables are those that a command is to have: the inherited ones, of which
// those with references are resolved as a file of one line each, and files.
type variables struct {
	plain     []string // NAME=value, as they are
	names     map[string]string
	templated []interpolate.File // one for each variable, named by it
	files     []interpolate.File
	override  bool
}

// inherit takes over the environment of this process.
func (v *variables) inherit(environ []string, keepToken bool) error {
	v.names = map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if variableKey(name) == "POUNCET_TOKEN" && !keepToken {
			continue
		}
		v.names[variableKey(name)] = "the environment"
		if !strings.Contains(value, "{{") && !strings.Contains(value, "pouncet://") {
			v.plain = append(v.plain, e)
			continue
		}
		var quoted bytes.Buffer
		encoder := json.NewEncoder(&quoted)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			return err
		}
		v.templated = append(v.templated, interpolate.File{Name: "$" + name, Data: append([]byte("value: "), quoted.Bytes()...)})
	}
	return nil
}

// read reads a file of variables.
func (v *variables) read(path string, override bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return backend.Errorf(backend.CodeInvalid, "reading the variables: %w", err)
	}
	v.override = override
	file := interpolate.File{Name: path, Data: text}
	if interpolate.FormatOf(path) == interpolate.FormatDotenv {
		file.Format = interpolate.FormatVariables
	}
	v.files = append(v.files, file)
	return nil
}

// resolve fills everything in, in one call, and returns the environment.
func (v *variables) resolve(ctx context.Context, r interpolate.Resolver, o interpolate.Options) ([]string, error) {
	rendered, err := interpolate.Render(ctx, r, append(v.templated[:len(v.templated):len(v.templated)], v.files...), o)
	if err != nil {
		return nil, err
	}
	environment := map[string]interpolate.Variable{} // by variableKey
	lookup := func(name string) (string, bool) { return v.lookup(environment, name) }
	for i, f := range rendered {
		var found []interpolate.Variable
		own := i >= len(v.templated)
		if own && v.files[i-len(v.templated)].Format == interpolate.FormatVariables {
			found, err = interpolate.ParseVariables(f, lookup)
		} else {
			found, err = mapping(f)
		}
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			if !own {
				p.Name = strings.TrimPrefix(f.Name, "$")
			} else if err := v.claim(p.Name, f.Name); err != nil {
				return nil, err
			}
			if strings.ContainsRune(p.Value, 0) {
				return nil, backend.Errorf(backend.CodeInvalid, "%s: the value of %s holds a NUL byte, which no environment can", f.Name, backend.Quote(p.Name)).
					WithHint("write it to a file: pouncet render")
			}
			environment[variableKey(p.Name)] = p
		}
	}
	out := make([]string, 0, len(v.plain)+len(environment))
	for _, e := range v.plain {
		name, _, _ := strings.Cut(e, "=")
		if _, replaced := environment[variableKey(name)]; !replaced {
			out = append(out, e)
		}
	}
	for _, x := range environment {
		out = append(out, x.Name+"="+x.Value)
	}
	return out, nil
}

// lookup is a variable as the command would have it so far.
func (v *variables) lookup(environment map[string]interpolate.Variable, name string) (string, bool) {
	if x, ok := environment[variableKey(name)]; ok {
		return x.Value, true
	}
	for _, e := range v.plain {
		if n, value, _ := strings.Cut(e, "="); variableKey(n) == variableKey(name) {
			return value, true
		}
	}
	return "", false
}

// claim gives a name to a file, which must be the only one to have it.
func (v *variables) claim(name, file string) error {
	if !isVariable(name) {
		return backend.Errorf(backend.CodeInvalid, "%s: %s cannot be the name of a variable", file, backend.Quote(name)).
			WithHint("use letters, digits and _, not beginning with a digit")
	}
	if by, taken := v.names[variableKey(name)]; taken && (by != "the environment" || !v.override) {
		return backend.Errorf(backend.CodeExists, "%s: variable %s is in %s already", file, backend.Quote(name), by).
			WithHint("rename one of them, or say --override for what the environment has")
	}
	v.names[variableKey(name)] = file
	return nil
}

// mapping is what a rendered YAML file says: names with scalars. A null is no variable.
func mapping(f interpolate.File) ([]interpolate.Variable, error) {
	wrong := func(line int, what string) error {
		return backend.Errorf(backend.CodeInvalid, "%s:%d: %s", f.Name, line, what).
			WithHint("a file of variables is a mapping of names to scalars, as NAME: value")
	}
	var document yaml.Node
	if err := yaml.Unmarshal(f.Data, &document); err != nil {
		return nil, wrong(1, "it is not YAML")
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, wrong(root.Line, "it is not a mapping")
	}
	var found []interpolate.Variable
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		for value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode:
			return nil, wrong(key.Line, "it holds more than scalars")
		case value.Tag == "!!null":
			continue
		}
		found = append(found, interpolate.Variable{Name: key.Value, Value: value.Value})
	}
	return found, nil
}
