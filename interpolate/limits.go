// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// More limits. What a file within them costs, in time and in memory, grows with
// its length and not faster, whatever stands in it.
const (
	MaxNesting  = 10_000 // mappings and sequences within one another
	MaxProblems = 1_000  // that are told of one file
)

// maxRounds bounds how often a view of a file is corrected. Two are enough for
// any file that is not made to need more.
const maxCorrections = 10

// errTooDeep is the error of a text that is nested too deeply.
var errTooDeep = errors.New("nested too deeply")

// nesting is a plug-in of the parser that refuses what is nested too deeply,
// and remembers that it has.
type nesting struct{ refused bool }

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (n *nesting) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth <= MaxNesting {
		return nil
	}
	n.refused = true
	return fmt.Errorf("more than %d mappings and sequences stand within one another", MaxNesting)
}

// CheckAlias implements yaml.LoaderLimitsPlugin. Aliases are never followed, so
// that it does not matter how many there are.
func (n *nesting) CheckAlias(int, int) error { return nil }

// limited cuts problems of one file off where there are too many. The last one
// then says so, at the place of the first that is left out.
func (ps Problems) limited() Problems {
	if len(ps) <= MaxProblems {
		return ps
	}
	last := ps[MaxProblems]
	err := *last.Err // it has the code, so that problems of one kind remain so
	err.Message, err.Suggestion, err.Environments = fmt.Sprintf("from here on, more is wrong with the file than the %d problems that are told", MaxProblems), "", nil
	last.Expression, last.Err = "", err.WithHint("mend these first")
	return append(ps[:MaxProblems:MaxProblems], last)
}

// full reports whether more problems need not be looked for.
func (ps Problems) full() bool { return len(ps) > MaxProblems }

// tooDeep is the problem of a file that is nested too deeply.
func tooDeep(pos Position) Problems {
	return Problems{{Pos: pos, Err: backend.Errorf(backend.CodeTooLarge,
		"the file holds references and more than %d mappings and sequences within one another", MaxNesting).
		WithHint("this is the limit; keep such data in a file without references")}}
}
