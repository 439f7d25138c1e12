// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// With MissingKeep, references can stay in the files. Such files will be rendered again, and a value that reads as a
// reference would then be filled in. So this package counts as the tool that reads the files next.

// noteKept notes in all documents that a reference stays in one of them, because files are often rendered together.
func (v *evaluator) noteKept(docs []*Document) {
	if v.options.Missing == MissingKeep && slices.ContainsFunc(docs, v.keepsAny) {
		for _, d := range docs {
			d.noteKept()
		}
	}
}

// keepsAny reports whether a reference stays in a document.
func (v *evaluator) keepsAny(d *Document) bool {
	return slices.ContainsFunc(d.references, func(r reference) bool {
		o, err := v.replacement(r.expr, false)
		return err == nil && o.kept
	})
}

// noteKept notes that a reference stays in the file or in one beside it.
func (d *Document) noteKept() {
	d.keeps = true
	if d.row != nil && !d.row.inert {
		d.templates |= bracedTemplates
	}
	for _, n := range d.nested {
		n.noteKept()
	}
}

// isReadAgain reports whether the text of a scalar is a reference without braces in any dialect, or base64 that holds a
// reference where DialectKubernetes looks for it.
func isReadAgain(text string, inSecret bool) bool {
	if isBareInAnyDialect(text) {
		return true
	}
	if !inSecret {
		return false
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	return err == nil && (isBareInAnyDialect(string(data)) || HoldsReference(data))
}

// isBareInAnyDialect reports whether a text begins like a reference without braces.
func isBareInAnyDialect(text string) bool {
	text = strings.TrimSpace(text)
	return slices.ContainsFunc(DialectAtlas.prefixes(), func(prefix string) bool {
		return strings.HasPrefix(text, prefix)
	})
}

func errIsReference() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"references stay in the files, and this value would be read as one when they are rendered again").
		WithHint("use --missing error or null, or encode the value with | b64encode")
}

// adoptTemplates adds what is known of the templates around another document for the same file.
func (d *Document) adoptTemplates(other *Document) {
	d.keeps = other.keeps
	d.templates |= other.templates
	d.onlyDialect = other.onlyDialect
	for i := range d.references {
		if i < len(other.references) {
			d.references[i].inside = d.references[i].inside || other.references[i].inside
		}
	}
	for scalar, n := range d.nested {
		if o := other.nested[scalar]; o != nil {
			n.adoptTemplates(o)
		}
	}
}
