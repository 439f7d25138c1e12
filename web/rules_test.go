// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"html"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// rules returns the fields of the page of the rules as a browser sends them.
func (d *dashboard) rules() url.Values {
	d.Helper()
	return d.get("/ui/p/default/quotas").is(d.T, 200).rules(d.T)
}

func (a answer) rules(t *testing.T) url.Values {
	t.Helper()
	form := url.Values{}
	_, fields, _ := strings.Cut(a.body, "<h2>Rules</h2>")
	for _, m := range regexp.MustCompile(`<input id="([a-z_]+)"[^>]* value="([^"]*)"`).FindAllStringSubmatch(fields, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	for _, m := range regexp.MustCompile(`type="hidden" name="(was\.[a-z_]+)" value="([^"]*)"`).
		FindAllStringSubmatch(fields, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	for _, m := range regexp.MustCompile(`(?s)<select id="([a-z_]+)".*?</select>`).FindAllStringSubmatch(fields, -1) {
		chosen := regexp.MustCompile(`value="([^"]*)" selected`).FindAllStringSubmatch(m[0], -1)
		if len(chosen) != 1 {
			t.Fatalf("%d options of %s are chosen", len(chosen), m[1])
		}
		form.Set(m[1], chosen[0][1])
	}
	return form
}

func (d *dashboard) policy() backend.Policy {
	d.Helper()
	page, err := d.service.Query(d.Context(), backend.Query{Kind: backend.KindProject, Name: backend.DefaultProject})
	if err != nil {
		d.Fatal(err)
	}
	return *page.Objects[0].Policy
}

// TestEveryRuleHasAField compares the fields of the page with the fields of a policy, and changes each.
func TestEveryRuleHasAField(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	want := map[string]string{"max_secrets": "7", "max_value_bytes": "1000", "max_name_length": "40",
		"name_pattern": "^[a-z_0-9]+$", "immutable_names": "yes", "default_visibility": "restricted", "recovery_days": "3",
		"max_versions": "5", "version_days": "9", "forbid_fingerprints": "yes", "duplicates": "refuse"}
	policy := reflect.TypeFor[backend.Policy]()
	for i := range policy.NumField() {
		name, _, _ := strings.Cut(policy.Field(i).Tag.Get("json"), ",")
		before, form := d.policy(), d.rules()
		if !form.Has(name) {
			t.Errorf("the page has no field %s", name)
			continue
		}
		form.Set(name, want[name])
		d.post("/ui/p/default/quotas", form).is(t, 200, "Saved.")
		if got := d.rules().Get(name); got != want[name] {
			t.Errorf("%s is %q after a change to %q", name, got, want[name])
		}
		after := d.policy()
		for j := range policy.NumField() {
			same := reflect.ValueOf(before).Field(j).Interface() == reflect.ValueOf(after).Field(j).Interface()
			if same == (i == j) {
				t.Errorf("after a change of %s, %s is the same: %v", name, policy.Field(j).Name, same)
			}
		}
	}
	d.get("/ui/p/default/quotas").lacks(t, "rule.", "default_visibility.") // texts that are missing
	// The rules hold in the other forms.
	d.post("/ui/p/default/e/dev/new", url.Values{"name": {"Upper"}, "value": {"v"}}).is(t, 422)
	d.get(d.path(d.object(backend.KindSecret, "db_password"), "/edit")).is(t, 200, "does not allow renames")
	d.get("/ui/p/default/e/dev/new").is(t, 200, `value="restricted" selected`)
}

// TestWrongRulesChangeNothing sends wrong values of each field.
func TestWrongRulesChangeNothing(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	before := d.policy()
	for name, wrong := range map[string][]string{
		"max_secrets": {"many", "-1", "0", "1.5", "99999999999999999999", "1000001"}, "max_value_bytes": {"", "65537", "-3"},
		"max_name_length": {"257", "0", "x"}, "recovery_days": {"91", "-1"}, "max_versions": {"-1", "10001"},
		"version_days": {"3651", "-1"}, "name_pattern": {"(", "a{2000}", "\u202e"}, "immutable_names": {"perhaps", "true"},
		"default_visibility": {"hidden", "MASKED"}, "forbid_fingerprints": {"1", "<b>"}, "duplicates": {"perhaps", "refused"},
	} {
		for _, w := range wrong {
			form := d.rules()
			form.Set(name, w)
			form.Set("recovery_days", strings.Replace(form.Get("recovery_days"), "7", "8", 1)) // a change beside it
			got := d.post("/ui/p/default/quotas", form)
			if got.StatusCode != 422 || !strings.Contains(got.body, `class="error" role="alert"`) {
				t.Errorf("%s=%q: status %d, an error at a field: %v", name, w, got.StatusCode,
					strings.Contains(got.body, `class="error" role="alert"`))
			}
			if after := d.policy(); after != before {
				t.Fatalf("%s=%q changed the rules to %+v", name, w, after)
			}
		}
	}
}

// TestRulesOfTwoPeople has two people who open the form of the rules at the same time, and change different ones.
func TestRulesOfTwoPeople(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	first, second := d.rules(), d.rules()
	first.Set("max_secrets", "500")
	first.Set("name_pattern", "^[a-z_]+$")
	first.Set("immutable_names", "yes")
	d.post("/ui/p/default/quotas", first).is(t, 200, "Saved.")
	second.Set("recovery_days", "91")
	again := d.post("/ui/p/default/quotas", second).is(t, 422)
	if !strings.Contains(again.body, `name="max_secrets" inputmode="numeric" value="500"`) {
		t.Error("after an error the form has the rule of before")
	}
	second = again.rules(t)
	second.Set("recovery_days", "9")
	d.post("/ui/p/default/quotas", second).is(t, 200, "Saved.")
	p := d.policy()
	if p.MaxSecrets != 500 || p.NamePattern != "^[a-z_]+$" || !p.ImmutableNames || p.RecoveryDays != 9 {
		t.Errorf("the rules are %+v", p)
	}
}
