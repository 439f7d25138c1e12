// SPDX-License-Identifier: MPL-2.0

package entry

import (
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// setTag gives a version of a secret a name, or takes a name away: then the version is 0.
func setTag(q *site.Request) error {
	o, err := q.Object(backend.KindSecret, q.R.PathValue("id"))
	if err != nil {
		return err
	}
	tag := strings.TrimSpace(q.R.PostFormValue("tag"))
	version, err := strconv.ParseInt(q.R.PostFormValue("version"), 10, 64)
	switch {
	case tag == "":
		return draw(q, backend.KindSecret, backend.Errorf(backend.CodeInvalid, "a name for the version is required").
			WithHint("write a name such as stable").At("tags"))
	case err != nil:
		return draw(q, backend.KindSecret, backend.Errorf(backend.CodeInvalid, "a version is required").At("tags"))
	case q.Seen("edition") == nil:
		return draw(q, backend.KindSecret, site.Incomplete())
	}
	_, err = q.Change(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: o.ID,
		Edition: q.Seen("edition"), Tags: map[string]int64{tag: version}})
	if err != nil {
		if site.IsUsers(err) {
			return draw(q, backend.KindSecret, backend.AsError(err))
		}
		return err
	}
	return q.Redirect(site.EntryPath(o), "saved")
}
