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
