// SPDX-License-Identifier: MPL-2.0

package httpapi

import "github.com/pouncet/terraform-provider-pouncet/backend"

// StatusOf and Listed give the test access to the table of statuses.
func StatusOf(code backend.Code) int { return statusOf(code) }

func Listed(code backend.Code) bool {
	for _, row := range statuses {
		if row.code == code {
			return codeOf(row.status) != ""
		}
	}
	return false
}
