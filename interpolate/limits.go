// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/yaml"
)

// Limits of a file with references. Within them, time and memory grow linearly with the length of the file. Files
// without references have no limits.
const (
	MaxFileBytes = 128 << 20       // the largest file
	MaxNesting   = yaml.MaxNesting // the deepest nesting of YAML mappings and sequences
	MaxProblems  = 1_000           // the problems that are reported for one file; a last one says that the list is cut off
)

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
