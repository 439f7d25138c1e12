// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/dotenv"
)

// Variable is one variable of a dotenv file.
type Variable struct{ Name, Value string }

// ParseVariables returns the variables of a rendered dotenv file in their order. It parses like Docker Compose, and
// calls lookup for the variables that values refer to. It skips a name without "=", which stands for a variable that
// the environment already has. Its error is Problems, and never holds a value.
func ParseVariables(f File, lookup func(name string) (string, bool)) ([]Variable, error) {
	f.Format = FormatVariables
	d := &Document{file: f}
	variables, err := dotenv.ParseVariables(f.Data, lookup)
	switch {
	case errors.Is(err, dotenv.ErrExpansion):
		return nil, d.fileProblem(0, "a variable that the file refers to cannot be expanded",
			`set the variables that the file uses, or write values with "$" in single quotes`)
	case err != nil:
		return nil, d.parseProblem(err)
	}
	var out []Variable
	for _, v := range variables {
		out = append(out, Variable(v))
	}
	return out, nil
}
