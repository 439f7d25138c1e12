// SPDX-License-Identifier: MPL-2.0

package interpolate

// AllFormats lists every format of the table, also those that a user cannot choose.
func AllFormats() []Format {
	var out []Format
	for i := range formatRows {
		out = append(out, formatRows[i].name)
	}
	return out
}

// NestedName returns a key under which a value is a file of a format, or "".
func NestedName(f Format) string {
	r := f.row()
	if len(r.extensions) == 0 || r.prose {
		return ""
	}
	return "a" + r.extensions[0]
}
