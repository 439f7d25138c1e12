// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// column is a column of a list.
type column struct {
	title string
	text  func(o backend.Object) string
}

func name(o backend.Object) string        { return o.Name }
func environment(o backend.Object) string { return o.Environment }
func scope(o backend.Object) string       { return o.Scope }
func description(o backend.Object) string { return o.Description }
func updated(o backend.Object) string     { return formatTime(o.UpdatedAt) }
func created(o backend.Object) string     { return formatTime(o.CreatedAt) }
func id(o backend.Object) string          { return o.ID }

// formatTime returns a time for a person, in the zone of this machine. JSON has times in UTC.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04 MST")
}

// print prints objects as a table or as JSON.
func (a *app) print(o objectCommand, objects []backend.Object) {
	if a.json {
		a.printJSON(map[string]any{"objects": objects})
		return
	}
	t := table{}
	for _, c := range o.columns {
		t.titles = append(t.titles, strings.ToUpper(c.title))
	}
	for _, x := range objects {
		row := make([]string, len(o.columns))
		for i, c := range o.columns {
			row[i] = c.text(x)
		}
		t.add(row...)
	}
	a.printTable(t)
}

// printDetails prints every field of an object that is not empty.
func (a *app) printDetails(o backend.Object) {
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	defer func() { _ = w.Flush() }() // a.out keeps its error
	field := func(title, text string) {
		if text != "" && text != "-" {
			// Further lines of a text are below the first one, and a tab would end its cell.
			text = strings.NewReplacer("\n", "\n\t", "\t", "    ").Replace(text)
			fmt.Fprintln(w, backend.Printable(title+"\t"+text))
		}
	}
	field("name", o.Name)
	field("id", o.ID)
	field("held", o.Held)
	field("former name", o.Was)
	field("project", o.Project)
	field("environment", o.Environment)
	field("scope", o.Scope)
	field("display name", o.DisplayName)
	field("description", o.Description)
	field("labels", labelsText(o.Labels))
	field("managed by", o.ManagedBy)
	field("type", o.Type)
	field("visibility", string(o.Visibility))
	if o.Version > 0 {
		field("version", strconv.FormatInt(o.Version, 10)+", written "+formatTime(o.ValueAt))
	}
	field("last resolved", resolvedText(o.LastResolvedAt, o.LastResolvedBy))
	field("tags", tagsText(o.Tags))
	field("json", string(o.JSON))
	field("links to", linkText(o))
	field("schema", string(o.Schema))
	field("built in", yesIf(o.BuiltIn))
	field("kms key", o.KMSKey)
	field("protected", yesIf(o.Protected))
	if o.RotationDays > 0 {
		field("rotation", "every "+backend.Plural(o.RotationDays, "day")+", due "+formatTime(o.RotationDueAt))
	}
	field("deleted", formatTime(o.DeletedAt))
	field("restorable until", formatTime(o.RestorableUntil))
	if p := o.Policy; p != nil {
		field("secrets", quotaText(o))
		field("largest value", strconv.Itoa(p.MaxValueBytes)+" bytes")
		field("longest name", strconv.Itoa(p.MaxNameLength)+" characters")
		field("name pattern", p.NamePattern)
		if p.ImmutableNames {
			field("names", "immutable")
		}
		field("default visibility", string(p.DefaultVisibility))
		field("recovery window", strconv.Itoa(p.RecoveryDays)+" days")
		if p.MaxVersions > 0 {
			field("versions kept", strconv.Itoa(p.MaxVersions)+" of each secret")
		}
		if p.VersionDays > 0 {
			field("versions kept for", backend.Plural(p.VersionDays, "day"))
		}
		if p.ForbidFingerprints {
			field("fingerprints", "forbidden")
		}
		if p.Duplicates != "" {
			field("equal values", map[backend.Duplicates]string{backend.DuplicatesNoted: "noted",
				backend.DuplicatesRefused: "refused"}[p.Duplicates])
		}
	}
	trustDetails(o.Trust, field)
	field("rights", rightsText(o.Rights))
	field("members", strings.Join(o.Members, ", "))
	if g := o.Grant; g != nil {
		field("gives role", g.Role)
		field("to", g.To)
		field("where", whereText(g.Where))
	}
	field("role", string(o.Role))
	field("for", string(o.Principal))
	field("migrated", yesIf(o.Migrated))
	field("expires", formatTime(o.ExpiresAt))
	field("from", strings.Join(o.SourceRanges, ", "))
	field("last used", usedText(o))
	field("created", formatTime(o.CreatedAt))
	field("updated", formatTime(o.UpdatedAt))
}

// usedText says when a token was last used, and from which address.
func usedText(o backend.Object) string {
	switch {
	case o.LastUsedAt.IsZero():
		return ""
	case o.LastUsedFrom == "":
		return formatTime(o.LastUsedAt) + " from this machine"
	}
	return formatTime(o.LastUsedAt) + " from " + o.LastUsedFrom
}

// yesIf returns "yes" or "".
func yesIf(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// tagsText lists the tags of a secret with the versions that they name.
func tagsText(tags map[string]int64) string {
	texts := make([]string, 0, len(tags))
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		texts = append(texts, tag+" (version "+strconv.FormatInt(tags[tag], 10)+")")
	}
	return strings.Join(texts, ", ")
}

func labelsText(labels map[string]string) string {
	texts := make([]string, 0, len(labels))
	for k, v := range labels {
		texts = append(texts, k+"="+v)
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// quotaText returns how many secrets a project has, and its quota.
func quotaText(o backend.Object) string {
	if o.Secrets == nil || o.Policy == nil {
		return ""
	}
	return fmt.Sprintf("%d of %d", *o.Secrets, o.Policy.MaxSecrets)
}

func linkText(o backend.Object) string {
	if o.Link == nil {
		return ""
	}
	if o.Link.Field == "" {
		return "secret " + o.Link.Secret
	}
	return "secret " + o.Link.Secret + ", field " + o.Link.Field
}

// shorten cuts a long text for a column.
func shorten(s string) string {
	const limit = 48
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

// outcomeText returns the outcome of a change as a sentence.
func outcomeText(o backend.Outcome) string {
	object := o.Object.Kind.String() + " " + o.Object.Name
	if o.Object.Environment != "" {
		object += " in " + o.Object.Environment
	}
	if o.Object.Scope != "" && o.Object.Scope != backend.ProjectScope {
		object += " (" + o.Object.Scope + ")"
	}
	version := ""
	if o.Object.Version > 0 {
		version = ", version " + strconv.FormatInt(o.Object.Version, 10)
	}
	switch o.Action {
	case backend.ActionCreate:
		return "created " + object + version
	case backend.ActionUpdate:
		return "updated " + object + version + " (" + strings.Join(o.Changed, ", ") + ")"
	case backend.ActionUnchanged:
		return "No changes to save: " + object + version
	}
	text := string(o.Action) + "d " + object // deleted, restored
	if !o.Object.RestorableUntil.IsZero() && o.Object.DeletedAt.IsZero() {
		text += "; it can be restored until " + formatTime(o.Object.RestorableUntil)
	}
	return text
}
