// SPDX-License-Identifier: MPL-2.0

// Package quotas is the page with the quota and the rules of a project.
package quotas

import (
	"cmp"
	"embed"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

//go:embed quotas.html
var files embed.FS

var page = site.NewTemplate(files, "quotas.html")

// Register adds the page.
func Register(s *site.Site) {
	s.Section("quotas")
	s.Handle("GET "+site.Root+"p/{project}/quotas", func(q *site.Request) error { return show(q, nil, nil) })
	s.Handle("POST "+site.Root+"p/{project}/quotas", change)
}

// number is a number of the policy that the form can change.
type number struct {
	Name  string // as in JSON
	Value string
	Was   string // when the form was opened
	Error string
}

// isContested reports whether the person and somebody else have changed a rule to different values.
func (n number) isContested(now string) bool {
	return n.Value != n.Was && n.Was != now && n.Value != now
}

// ruleText returns the value of a rule as the page shows it.
func ruleText(name, value string) string {
	if key := "rule." + name + "." + value; site.HasText(key) {
		return site.Text(key)
	}
	if value == "" {
		return site.Text("rule.empty")
	}
	return value
}

// rules are what the page shows.
type rules struct {
	Project backend.Object
	Numbers []number
	Pattern number
	Choices []choice
	Error   *backend.Error
}

// choice is a rule of the policy with a few possible values. The hint and the values have texts with its name.
type choice struct {
	number
	Values []string
	now    string
	set    func(value string) error
}

// choices returns the rules with a few possible values, and where they are in a change.
func choices(p backend.Policy, c *backend.PolicyChange) []choice {
	yesNo := func(name string, now bool, set **bool) choice {
		return choice{number{Name: name}, []string{"no", "yes"}, map[bool]string{true: "yes", false: "no"}[now],
			func(value string) error {
				yes := value == "yes"
				if *set = &yes; !yes && value != "no" {
					return backend.Errorf(backend.CodeInvalid, "the choice %s is not valid", backend.Quote(value)).
						WithHint("choose one from the menu").At(name)
				}
				return nil
			}}
	}
	return []choice{
		{number{Name: "default_visibility"}, []string{string(backend.Masked), string(backend.Restricted)},
			string(p.DefaultVisibility), func(v string) error {
				c.DefaultVisibility = (*backend.Visibility)(&v)
				return nil // the engine refuses other values
			}},
		yesNo("immutable_names", p.ImmutableNames, &c.ImmutableNames),
		{number{Name: "duplicates"}, []string{string(backend.DuplicatesAllowed), string(backend.DuplicatesNoted),
			string(backend.DuplicatesRefused)}, string(duplicatesOf(p)),
			func(v string) error {
				c.Duplicates = (*backend.Duplicates)(&v)
				return nil
			}},
		yesNo("forbid_fingerprints", p.ForbidFingerprints, &c.ForbidFingerprints),
	}
}

// Other returns the error if it is about no field.
func (r rules) Other() *backend.Error {
	all := append(slices.Clone(r.Numbers), r.Pattern)
	for _, c := range r.Choices {
		all = append(all, c.number)
	}
	if slices.ContainsFunc(all, func(n number) bool { return n.Error != "" }) {
		return nil
	}
	return r.Error
}

// fields returns where the numbers of a form are in a change.
func fields(p backend.Policy, c *backend.PolicyChange) []struct {
	name string
	now  int
	set  **int
} {
	return []struct {
		name string
		now  int
		set  **int
	}{
		{"max_secrets", p.MaxSecrets, &c.MaxSecrets}, {"max_value_bytes", p.MaxValueBytes, &c.MaxValueBytes},
		{"max_name_length", p.MaxNameLength, &c.MaxNameLength}, {"recovery_days", p.RecoveryDays, &c.RecoveryDays},
		{"max_versions", p.MaxVersions, &c.MaxVersions}, {"version_days", p.VersionDays, &c.VersionDays},
	}
}

// show shows the rules, or what was typed with the error.
func show(q *site.Request, typed func(string) string, failed *backend.Error) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	policy := backend.DefaultPolicy()
	if place.Project.Policy != nil {
		policy = *place.Project.Policy
	}
	r := rules{Project: place.Project}
	line := func(name, now string) number {
		n := number{Name: name, Value: now, Was: now}
		if typed != nil {
			n.Value = typed(name)
			if q.R.PostForm.Has(site.WasPrefix + name) {
				n.Was = typed(site.WasPrefix + name)
			}
			if n.isContested(now) {
				n.Error, n.Was = site.Text("rule.conflict", ruleText(name, now)), now
			} else if n.Value == n.Was {
				n.Value, n.Was = now, now // somebody else may have changed it, and this person has not
			}
		}
		if failed != nil && failed.Attribute == name {
			n.Error = failed.Error()
		}
		return n
	}
	for _, f := range fields(policy, &backend.PolicyChange{}) {
		r.Numbers = append(r.Numbers, line(f.name, strconv.Itoa(f.now)))
	}
	r.Pattern = line("name_pattern", policy.NamePattern)
	for _, c := range choices(policy, &backend.PolicyChange{}) {
		if c.number = line(c.Name, c.now); !slices.Contains(c.Values, c.Value) {
			c.Value, c.Was = c.now, c.now // the form had no such field, or a value that the menu does not have
		}
		r.Choices = append(r.Choices, c)
	}
	status := http.StatusOK
	if failed != nil {
		status, r.Error = http.StatusUnprocessableEntity, failed
	}
	return q.RenderStatus(status, page, site.Page{Title: site.Text("quotas.title"), Section: "quotas", Place: place,
		Data: r})
}

func change(q *site.Request) error {
	place, err := q.Place()
	if err != nil {
		return err
	}
	policy := backend.DefaultPolicy()
	if place.Project.Policy != nil {
		policy = *place.Project.Policy
	}
	typed := func(name string) string { return strings.TrimSpace(q.R.PostFormValue(name)) }
	contested := false
	// isNew reports whether the person has changed a rule, compared with what the form began with.
	isNew := func(name, now string) bool {
		n := number{Value: typed(name), Was: now}
		if q.R.PostForm.Has(site.WasPrefix + name) {
			n.Was = typed(site.WasPrefix + name)
		}
		contested = contested || n.isContested(now)
		return n.Value != n.Was
	}
	if q.R.PostFormValue(site.Restored) != "" {
		return show(q, typed, nil)
	}
	c := backend.PolicyChange{}
	for _, f := range fields(policy, &c) {
		n, err := strconv.Atoi(typed(f.name))
		if err != nil {
			return show(q, typed, backend.Errorf(backend.CodeInvalid, "the number is not valid").
				WithHint("write a whole number").At(f.name))
		}
		if isNew(f.name, strconv.Itoa(f.now)) {
			*f.set = &n
		}
	}
	if pattern := typed("name_pattern"); isNew("name_pattern", policy.NamePattern) {
		c.NamePattern = &pattern
	}
	for _, choice := range choices(policy, &c) {
		value := typed(choice.Name)
		if value == "" || !isNew(choice.Name, choice.now) { // a form without the field leaves the rule as it is
			continue
		}
		if err := choice.set(value); err != nil {
			return show(q, typed, backend.AsError(err))
		}
	}
	if c == (backend.PolicyChange{}) {
		return show(q, typed, backend.Errorf(backend.CodeInvalid, "No changes to save"))
	}
	if contested {
		return show(q, typed, backend.Errorf(backend.CodeConflict, "%s", site.Text("conflict.changed")))
	}
	if err := save(q, place.Project, c); err != nil {
		if site.IsUsers(err) {
			return show(q, typed, backend.AsError(err))
		}
		return err
	}
	return q.Redirect(place.Path("quotas"), "saved")
}

// save changes rules of a project. The person has seen this edition. If somebody has changed other rules
// since, the edition is the one whose rules were compared with what was typed.
func save(q *site.Request, project backend.Object, c backend.PolicyChange) error {
	change := backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, ID: project.ID, Policy: &c,
		Edition: q.Seen("edition")}
	_, err := q.Change(change)
	if e := backend.AsError(err); err != nil && e.Code == backend.CodeConflict && e.Attribute != site.SentBefore &&
		change.Edition != nil && *change.Edition != project.Edition {
		change.Edition = &project.Edition
		_, err = q.Change(change)
	}
	return err
}

// duplicatesOf returns the rule as a change has it.
func duplicatesOf(p backend.Policy) backend.Duplicates {
	return cmp.Or(p.Duplicates, backend.DuplicatesAllowed)
}
