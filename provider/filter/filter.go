// SPDX-License-Identifier: MPL-2.0

// Package filter reads the filters that list resources and the data sources of several objects have in common.
package filter

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// The filters of secrets by time, and their descriptions after "Lists only" or "Returns only".
const (
	RotationDue = "rotation_due_within_days"
	Expiring    = "expires_within_days"
	Unused      = "unused_for_days"

	RotationDueDoc = "secrets whose rotation is due now or within this number of days. With `0`, it is due now."
	ExpiringDoc    = "secrets that have expired or expire within this number of days. With `0`, they have expired."

	UnusedDoc = "secrets that nobody has resolved for this number of days, and that are older. A secret is listed only " +
		"if the backend has noted for that long which secrets are resolved."

	// MaxDays is the largest number of days of these filters.
	MaxDays = 36500
)

// Paths are the attributes that an error of the backend can be about.
var Paths = session.RootPaths("project", "environment", "scope", "type")

// Read returns the filters of a configuration for objects of a kind: a query for those that the backend applies, and a
// function for the others. A filter that no object can match is an error on its attribute.
func Read(
	ctx context.Context, config tfsdk.Config, kind backend.Kind, s *session.Session, diags *diag.Diagnostics,
) (q backend.Query, matches func(o backend.Object) bool) {
	argument := func(name string) string {
		var v types.String
		diags.Append(config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	q.Kind = kind
	prefix := argument("name_prefix")
	if prefix != "" && !backend.IsID(prefix) {
		check(backend.CheckName(kind, prefix), "name_prefix", diags)
	}
	if kind.InProject() {
		q.Project = s.ProjectOr(argument("project"))
	}
	if kind == backend.KindSecret || kind == backend.KindScopedValue {
		q.Environment, q.Scope = argument("environment"), argument("scope")
		if q.Scope != "" {
			check(backend.CheckScope(q.Scope), "scope", diags)
		}
	}
	byTime := func(backend.Object) bool { return true }
	if kind == backend.KindSecret {
		q.Type = argument("type")
		byTime = timeFilter(ctx, config, diags)
		var days types.Int64
		diags.Append(config.GetAttribute(ctx, path.Root(Unused), &days)...)
		if !days.IsNull() {
			q.UnusedSince = time.Now().AddDate(0, 0, -int(days.ValueInt64()))
		}
	}
	return q, func(o backend.Object) bool { return strings.HasPrefix(o.Name, prefix) && byTime(o) }
}

// timeFilter returns the filters of secrets by time.
func timeFilter(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) func(o backend.Object) bool {
	now := time.Now()
	limit := func(name string) (given bool, at time.Time) {
		var days types.Int64
		diags.Append(config.GetAttribute(ctx, path.Root(name), &days)...)
		return !days.IsNull(), now.AddDate(0, 0, int(days.ValueInt64()))
	}
	byRotation, due := limit(RotationDue)
	byExpiry, expiry := limit(Expiring)
	return func(o backend.Object) bool {
		return (!byRotation || o.RotationDueBy(due)) && (!byExpiry || o.ExpiresBy(expiry))
	}
}

func check(err *backend.Error, attribute string, diags *diag.Diagnostics) {
	if err != nil {
		diags.AddAttributeError(path.Root(attribute), "Invalid "+attribute, session.Detail(err))
	}
}
