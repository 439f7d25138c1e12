// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

var trustCommand = objectCommand{
	kind: backend.KindTrust, sample: "github", aliases: []string{"trusts"},
	short: "Manage trusts: who logs in with an identity token or a certificate",
	long: `A trust accepts identity tokens of an OpenID Connect issuer: those of pipelines on
GitHub or GitLab, of service accounts of Kubernetes, or of people. Or it accepts
client certificates of the authorities of a server (--certificate). The caller
gets a session with the rights of the bindings of the trust, for a short time.

The deletion of a trust ends its sessions at once, on every server, and so does
every change of it. Its bindings are deleted with it.`,
	columns: []column{
		{"name", name}, {"issuer", func(o backend.Object) string { return issuerText(trustOf(o)) }},
		{"audience", func(o backend.Object) string { return trustOf(o).Audience }},
		{"claims", func(o backend.Object) string { return claimsText(trustOf(o)) }},
		{"for", func(o backend.Object) string { return string(trustOf(o).Principal) }}, {"description", description},
		{"id", id},
	},
}

func trustOf(o backend.Object) backend.Trust {
	if o.Trust == nil {
		return backend.Trust{}
	}
	return *o.Trust
}

// issuerText names who vouches for the callers of a trust.
func issuerText(t backend.Trust) string {
	if t.Certificate {
		return "(certificates)"
	}
	return t.Issuer
}

// claimsText describes conditions on claims in one line.
func claimsText(t backend.Trust) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		parts = append(parts, name+"="+t.Claims[name])
	}
	if t.AnySubject {
		parts = append(parts, "any subject")
	}
	return strings.Join(parts, ", ")
}

func (a *app) trustsCommand() *cobra.Command {
	return a.objectGroup(trustCommand, a.setTrustCommand())
}

// trustFlags are what makes up a trust.
type trustFlags struct {
	trust    backend.Trust
	claims   []string
	keysFile string
	who      string
	session  durationFlag
	text     string
}

func (a *app) setTrustCommand() *cobra.Command {
	var f trustFlags
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Create or change a trust",
		Long: wrap("Creates a trust, or changes the one with this name: what no flag names stays as it is. --claim replaces "+
			"all conditions. A new trust needs --issuer, --audience and a --claim. It has no rights until a binding gives it "+
			"some: see \"pouncet binding create\".") + "\n\n" +
			wrap("With --certificate, the trust accepts client certificates of an authority of --client-ca instead. Its "+
				"conditions are on the names in the certificate: san_uri and san_dns. A certificate must have exactly one "+
				"san_uri, which is the subject. With --subject-claim san_dns, it must have exactly one san_dns.") + "\n\n" +
			wrap("In a condition, * stands for any characters: end a pattern with a separator before it, such as "+
				"repo:acme/*, so that repo:acme-evil/x does not match. The claim email counts only if the issuer has verified "+
				"it. An identity token is accepted once, unless --reuse is set, and it must be for no other audience."),
		Example: "  pouncet trust set github --issuer https://token.actions.githubusercontent.com " +
			"--audience https://pouncet.example.com --claim repository=acme/shop\n" +
			"  pouncet trust set github --session 15m\n" +
			"  pouncet trust set mesh --certificate --claim 'san_uri=spiffe://acme.example/ns/shop/*'",
		Args: arguments(1, 1, "one name"),
	}
	c.Flags().BoolVar(&f.trust.Certificate, "certificate", false,
		"accept client certificates that an authority of --client-ca has signed, and no identity tokens")
	c.Flags().StringVar(&f.trust.Issuer, "issuer", "", "`URL` of the issuer, exactly as the claim iss has it")
	c.Flags().StringVar(&f.trust.Audience, "audience", "",
		"the only `audience` that the tokens may have, in the claim aud")
	c.Flags().StringArrayVar(&f.claims, "claim", nil,
		"a `condition` NAME=TEXT on a claim, in which * stands for any characters (repeat it for several)")
	c.Flags().BoolVar(&f.trust.AnySubject, "any-subject", false,
		"accept every subject of the issuer: no condition is needed")
	c.Flags().StringVar(&f.who, "for", "", "`who` presents the tokens: person or workload (default workload)")
	takesWords(c, "for", principalKinds...)
	c.Flags().StringVar(&f.trust.Subject, "subject-claim", "",
		"the `claim` that names the caller (default sub, or san_uri of a certificate)")
	c.Flags().Var(&f.session, "session", "how long a session is valid, such as 15m; at most 12h (default 1h)")
	c.Flags().BoolVar(&f.trust.Reuse, "reuse", false, "accept an identity token several times until it expires")
	c.Flags().StringVar(&f.keysFile, "keys-file", "",
		"`file` with the keys of the issuer as a JSON Web Key Set; the server then never asks the issuer")
	c.Flags().StringVar(&f.text, "description", "", "`text` that says what the trust is for")
	mayBeEmpty(c, "description")
	mayBeEmpty(c, "keys-file")
	run := a.with(func(ctx context.Context, s backend.Service, args []string) error {
		present, err := s.Query(ctx, backend.Query{Kind: backend.KindTrust, Name: args[0]})
		if err != nil {
			return err
		}
		trust := backend.Trust{Principal: backend.Workload}
		if len(present.Objects) == 1 {
			trust = trustOf(present.Objects[0])
		}
		before := trust.SubjectClaim()
		if err := f.change(c, &trust); err != nil {
			return err
		}
		if err := a.apply(ctx, s, backend.Change{Op: backend.OpSet, Kind: backend.KindTrust, Name: args[0], Trust: &trust,
			Description: flagValue(c, "description", f.text)}); err != nil {
			return err
		}
		a.noteOpenPatterns(trust)
		if len(present.Objects) == 1 && before != trust.SubjectClaim() {
			a.noteSubjects(ctx, s, args[0], trust.SubjectClaim())
		}
		return nil
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		session := time.Duration(f.session)
		switch {
		case session != 0 && (session < time.Minute || session%time.Minute != 0):
			return usage(c, "--session must be a number of minutes, such as 15m")
		case session > backend.MaxSessionMinutes*time.Minute:
			return usage(c, "--session must be at most 12h")
		}
		return run(c, args)
	}
	return c
}

// noteOpenPatterns names the conditions in which a name can go on before the *: acme* is also acme-evil/shop.
func (a *app) noteOpenPatterns(t backend.Trust) {
	const separators = "/:@.=,;|#"
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		before, _, ok := strings.Cut(t.Claims[name], "*")
		if ok && before != "" && !strings.ContainsAny(before[len(before)-1:], separators) {
			a.notef("pouncet: the condition %s=%s also accepts %sXYZ: end the text before the * with a separator such as /",
				name, t.Claims[name], before)
		}
	}
}

// noteSubjects names the bindings and groups that name a subject of a trust, after another claim names the subject.
func (a *app) noteSubjects(ctx context.Context, s backend.Service, trust, claim string) {
	one := func(to string) bool { return strings.HasPrefix(to, backend.ToTrust+trust+"/") }
	bindings, err := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindBinding})
	groups, groupsErr := backend.ListAll(ctx, s, backend.Query{Kind: backend.KindGroup})
	if err != nil || groupsErr != nil {
		a.noteText("pouncet: look at the bindings of single subjects, which mean the claim " + claim + " now")
		return
	}
	for _, b := range bindings {
		if one(grantOf(b).To) {
			a.notef("pouncet: binding %s is for %s, which means the claim %s now", b.Name, grantOf(b).To, claim)
		}
	}
	for _, g := range groups {
		for _, m := range g.Members {
			if one(m) {
				a.notef("pouncet: group %s has the member %s, which means the claim %s now", g.Name, m, claim)
			}
		}
	}
}

// change sets what the flags name.
func (f *trustFlags) change(c *cobra.Command, t *backend.Trust) error {
	given := c.Flags().Changed
	if given("claim") {
		t.Claims = map[string]string{}
		for _, text := range f.claims {
			name, pattern, ok := strings.Cut(text, "=")
			if _, twice := t.Claims[name]; twice || !ok {
				return usage(c, "--claim %s is not valid", backend.Quote(text)).
					withHint("write NAME=TEXT, and each name once")
			}
			t.Claims[name] = pattern
		}
	}
	if given("keys-file") {
		t.Keys = nil
		if f.keysFile != "" {
			keys, err := readNamed(c.Context(), "keys of the issuer", f.keysFile)
			if err != nil {
				return err
			}
			if !json.Valid(keys) {
				return usage(c, "--keys-file %s is invalid JSON", backend.Quote(f.keysFile)).
					withHint("give a JSON Web Key Set, as the issuer publishes it at its jwks_uri, and not a PEM file")
			}
			t.Keys = backend.CompactJSON(keys)
		}
	}
	for flag, set := range map[string]func(){
		"certificate":   func() { t.Certificate = f.trust.Certificate },
		"issuer":        func() { t.Issuer = f.trust.Issuer },
		"audience":      func() { t.Audience = f.trust.Audience },
		"any-subject":   func() { t.AnySubject = f.trust.AnySubject },
		"for":           func() { t.Principal = backend.PrincipalKind(f.who) },
		"subject-claim": func() { t.Subject = f.trust.Subject },
		"session":       func() { t.SessionMinutes = int(time.Duration(f.session) / time.Minute) },
		"reuse":         func() { t.Reuse = f.trust.Reuse },
	} {
		if given(flag) {
			set()
		}
	}
	return nil
}

// trustDetails shows each part of a trust.
func trustDetails(t *backend.Trust, field func(title, text string)) {
	if t == nil {
		return
	}
	if t.Certificate {
		field("certificates", "of an authority of --client-ca")
	} else {
		field("issuer", t.Issuer)
		field("audience", t.Audience)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		field("claim "+name, t.Claims[name])
	}
	field("any subject", yesIf(t.AnySubject))
	field("for", string(t.Principal))
	field("subject", "claim "+t.SubjectClaim())
	field("session", t.SessionTime().String())
	if !t.Certificate {
		field("tokens", map[bool]string{true: "accepted until they expire", false: "accepted once"}[t.Reuse])
	}
	if len(t.Keys) > 0 {
		field("keys", "given; the issuer is never asked")
	}
}
