// SPDX-License-Identifier: MPL-2.0

package oidctest

import (
	"encoding/json"
	"net/http"
)

// JobToken is what a job presents at JobPath.
const (
	JobToken = "runner"
	JobPath  = "/actions/token"
)

// job answers as GitHub Actions answers a job: it gives an identity token for any audience.
func (i *Issuer) job(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+JobToken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"value": i.Token(r.URL.Query().Get("audience"),
		"repo:acme/shop:ref:refs/heads/main", map[string]any{"repository": "acme/shop", "ref": "refs/heads/main"})})
}
