// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The hints of errors name commands, because most errors are met at a terminal. A page names its own pages instead. All
// errors of calls pass hinted, so that no page can forget it.

// wholeHints replace a hint that has a part.
var wholeHints = []struct{ part, text string }{
	{"create another one first", "hint.lasttoken"},
	{"pouncet token create --role", "hint.right"},
	{"pouncet draft refresh", "hint.refresh"},
	{"pouncet env set", "hint.environment"},
	{"stage some with --draft", "hint.empty"},
	{"on a command that writes creates it", "hint.newdraft"},
	{"change the schema before you restore", "hint.schema"},
	{"change the schema first", "hint.schemafirst"},
	{"(--trusted-proxy)", "hint.network"},
	{"with --purge", "hint.operator"},
	{"delete --purge", "hint.operator"},
	{"--as NAME", "hint.rename"},
	{"POUNCET_TOKEN", "hint.signin"},
	{"POUNCET_CLIENT_CERT", "hint.signin"},
	{"POUNCET_OIDC_TRUST", "hint.trust"},
	{"only conditions apply to certificates", "hint.authorities"},
	{"pouncet login", "hint.signin"},
	{"pouncet token create", "hint.token"},
	{"pouncet trust show", "hint.operator"},
}

// commandPages are the pages where people do what a command does; "" for a command without a page.
var commandPages = []commandPage{
	{"draft", "nav.drafts"}, {"doctor --", ""}, {"doctor", "nav.doctor"}, {"token", "nav.tokens"},
	{"project set", "nav.quotas"}, {"type set", "nav.types"}, {"secret history", entryPage}, {"secret delete", entryPage},
	{"value delete", entryPage}, {"binding", "nav.access"},
	{"role list", "nav.access"}, {"group list", "nav.access"}, {"access", "nav.access"},
}

type commandPage struct{ command, text string }

// entryPage stands for the page of the entry that an error is about.
const entryPage = "hint.entry"

var (
	// granting is the command that gives a right.
	granting = regexp.MustCompile(`pouncet binding create NAME --role (\S+) --to (.*)`)
	// deleted is a command that lists or restores what was deleted.
	deleted = regexp.MustCompile(`pouncet (env|secret|value|type) (list --deleted|restore)[^;]*`)
	// commands are the commands in a hint, with quotation marks or up to the end of a sentence.
	commands = regexp.MustCompile(`"pouncet [a-z][^"]*"|pouncet [a-z][^;]*`)
	// flag is a flag that says the same as the words before it.
	flag = regexp.MustCompile(` \(--[a-z-]+\)`)
)

// pageHint returns a hint as a page shows it.
func pageHint(hint string) string {
	if !strings.Contains(hint, "pouncet ") && !strings.Contains(hint, "--") && !strings.Contains(hint, "POUNCET_") {
		return hint
	}
	if m := granting.FindStringSubmatch(hint); m != nil {
		to, _, _ := strings.Cut(m[2], " --")
		return Text("hint.binding", m[1], to)
	}
	for _, w := range wholeHints {
		if strings.Contains(hint, w.part) {
			return Text(w.text)
		}
	}
	hint = flag.ReplaceAllString(hint, "")
	hint = deleted.ReplaceAllString(hint, Text("hint.page", Text("nav.deleted")))
	hint = commands.ReplaceAllStringFunc(hint, pageFor)
	return strings.ReplaceAll(hint, "see: "+Text("hint.page", ""), "see "+Text("hint.see"))
}

// pageFor returns where in the dashboard people do what a command does.
func pageFor(command string) string {
	name := strings.TrimPrefix(strings.Trim(command, `"`), "pouncet ")
	i := slices.IndexFunc(commandPages, func(p commandPage) bool { return strings.HasPrefix(name, p.command) })
	switch {
	case i < 0 || commandPages[i].text == "":
		return Text("hint.terminal", command)
	case commandPages[i].text == entryPage:
		return Text(entryPage)
	}
	return Text("hint.page", Text(commandPages[i].text))
}

// forPage returns an error with the hint that a page shows.
func forPage(err error) error {
	if err == nil {
		return nil
	}
	e := backend.AsError(err)
	hint := pageHint(e.Hint)
	if hint == e.Hint {
		return err
	}
	shown := *e
	shown.Hint = hint
	return &shown
}

func forPageOutcome(err *backend.Error) *backend.Error {
	if err == nil {
		return nil
	}
	return backend.AsError(forPage(err))
}

// hinted is a Service whose errors have hints for pages.
type hinted struct{ backend.Service }

// Query implements backend.Service.
func (h hinted) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := h.Service.Query(ctx, q)
	return page, forPage(err)
}

// Resolve implements backend.Service.
func (h hinted) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := h.Service.Resolve(ctx, refs)
	for i := range out {
		out[i].Err = forPageOutcome(out[i].Err)
	}
	return out, forPage(err)
}

// Apply implements backend.Service.
func (h hinted) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	out, err := h.Service.Apply(ctx, set)
	for i := range out {
		out[i].Err = forPageOutcome(out[i].Err)
		for k := range out[i].Parts {
			out[i].Parts[k].Err = forPageOutcome(out[i].Parts[k].Err)
		}
	}
	return out, forPage(err)
}
