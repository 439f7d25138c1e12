// SPDX-License-Identifier: MPL-2.0

// Package expr is the language of references: what can stand between "{{" and "}}" in a file, and reference URIs.
//
// Parse turns a text into an Expression, which lists its references and evaluates them. The package knows no files:
// where expressions stand in a file and how their values are written there is the matter of package interpolate and of
// the formats. An error has an offset in the expression.
//
// Most braces in a file belong to other tools. So the package also tells its own expressions from foreign ones.
// MayHoldCall and MentionsCall are cheap and allow for more than there is. IsReference decides. NearMiss recognises a
// misspelled call among foreign expressions.
package expr
