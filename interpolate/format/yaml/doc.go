// SPDX-License-Identifier: MPL-2.0

// Package yaml is the format of YAML files.
//
// A plain or quoted scalar becomes a double-quoted one if it holds a reference, so that the values 0123, yes and null
// stay strings. Its anchor and tag stay. In a block scalar, a value of one line replaces its expression. A value that
// does not fit there turns the block scalar into a double-quoted one.
//
// # Views
//
// A foreign expression can be a value or a control statement, and braces can be YAML's own. Nothing in the file says
// which. So a file is read in several views, which differ in what becomes a placeholder. The first view in which the
// file parses counts. The check of the result is the same in every view.
//
// # Outlines
//
// Most files have one entry per line, and need no parser: outline.go reads their lines, and yields what a parse
// yields, several times as fast. Files of any other form are parsed. If the outline of a result differs from that of
// the file, Compare cannot decide, and the file is read again with the parser.
package yaml
