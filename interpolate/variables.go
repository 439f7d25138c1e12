// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"errors"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
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
	var expansion *dotenv.ExpansionError
	switch {
	case errors.As(err, &expansion):
		return nil, d.expansionProblem(expansion)
	case err != nil:
		return nil, d.parseProblem(err)
	}
	var out []Variable
	for _, v := range variables {
		out = append(out, Variable(v))
	}
	return out, nil
}

// expansionProblem names the variables. Their names are not from a value: a file with a reference inside ${NAME} is
// refused before it is rendered.
func (d *Document) expansionProblem(e *dotenv.ExpansionError) Problems {
	const single = `write values with "$" in single quotes`
	switch {
	case e.Name == "":
		return d.fileProblem(0, e.Error(), "set the variables that the file uses, or "+single)
	case e.Required != "":
		return d.fileProblem(e.Offset, fmt.Sprintf("variable %s requires variable %s, which is not set or is empty",
			backend.Quote(e.Name), backend.Quote(e.Required)), "set "+e.Required+", or "+single)
	}
	return d.fileProblem(e.Offset, fmt.Sprintf("the value of variable %s has an expansion that is not valid",
		backend.Quote(e.Name)), "correct the expansion, or "+single)
}
