// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Limits of a file with references. Within them, time and memory grow linearly with the length of the file. Files
// without references have no limits.
const (
	MaxFileBytes = 128 << 20 // the largest file
	MaxNesting   = 10_000    // the deepest nesting of YAML mappings and sequences
	MaxProblems  = 1_000     // the problems that are reported per file; one more says that there are others
)

// maxCorrections limits how often a file is read again in one view. Two are enough for every file that is not made to
// need more.
const maxCorrections = 10

var errTooDeep = errors.New("nested too deeply")

// nesting is a plug-in of the parser. It refuses a text that is nested too deeply, and records that it did.
type nesting struct{ refused bool }

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (n *nesting) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth <= MaxNesting {
		return nil
	}
	n.refused = true
	return fmt.Errorf("more than %d nested mappings and sequences", MaxNesting)
}

// CheckAlias implements yaml.LoaderLimitsPlugin. It accepts any number of aliases, because they are never followed.
func (n *nesting) CheckAlias(int, int) error { return nil }

// limited cuts the problems of one file off after MaxProblems. The last problem then says so, at the position of the
// first one that is cut off.
func (ps Problems) limited() Problems {
	if len(ps) <= MaxProblems {
		return ps
	}
	last := ps[MaxProblems]
	err := *last.Err // keeps the code, so that problems of one code stay problems of one code
	err.Message = fmt.Sprintf("the file has more than %d problems; the others are not listed", MaxProblems)
	err.Suggestion, err.Environments = "", nil
	last.Expression, last.Err = "", err.WithHint("correct the problems above first")
	return append(ps[:MaxProblems:MaxProblems], last)
}

// full reports whether no more problems are needed.
func (ps Problems) full() bool { return len(ps) > MaxProblems }

// tooDeep returns the problem of a file that is nested too deeply.
func tooDeep(pos Position) Problems {
	return Problems{{Pos: pos, Err: backend.Errorf(backend.CodeTooLarge,
		"the file has references and more than %d nested mappings and sequences", MaxNesting).
		WithHint("move the nested data to a file without references")}}
}
