// SPDX-License-Identifier: MPL-2.0

package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A person signs in at an issuer with the authorization code flow (RFC 6749, section 4.1) and PKCE (RFC 7636). The
// audience of the trust is the client id: an issuer gives identity tokens to applications, and this server is one.

const (
	// FlowTime is how long a person has to sign in at an issuer.
	FlowTime = 10 * time.Minute
	// maxCode is the longest code of an issuer, in bytes.
	maxCode = 4096
	// maxCodes is how many codes are exchanged at the same time: each may wait for an issuer.
	maxCodes = 32
)

// Flow is the sign-in of a person at an issuer, from Begin to Finish. The browser of the person keeps it, sealed. Each
// Flow is for one Finish, which the caller ensures.
type Flow struct {
	Trust    string    `json:"trust"` // its id
	Name     string    `json:"name"`  // of the trust
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Redirect string    `json:"redirect"`
	Began    time.Time `json:"began"`
	Again    bool      `json:"again,omitempty"` // the person must give the credential to the issuer again
}

// Issuer is a trust whose issuer a person can sign in at.
type Issuer struct{ ID, Name string }

// Issuers lists the trusts for people. A trust with its own keys has an issuer that the server does not ask.
func (l *Logins) Issuers(ctx context.Context) ([]Issuer, error) {
	all, err := l.forPeople(ctx)
	var out []Issuer
	for _, c := range all {
		out = append(out, Issuer{c.row.ID, c.row.Name})
	}
	slices.SortFunc(out, func(a, b Issuer) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

func (l *Logins) forPeople(ctx context.Context) ([]candidate, error) {
	var out []candidate
	err := l.store.View(ctx, func(tx store.Tx) error {
		trusts, err := l.trusts.all(ctx, tx)
		out = nil
		for _, all := range trusts.byIssuer {
			for _, c := range all {
				if c.trust.Principal == backend.Person && len(c.trust.Keys) == 0 {
					out = append(out, c)
				}
			}
		}
		return err
	})
	return out, err
}

// forPerson returns a trust for people by its id.
func (l *Logins) forPerson(ctx context.Context, id string) (candidate, error) {
	all, err := l.forPeople(ctx)
	if err != nil {
		return candidate{}, err
	}
	for _, c := range all {
		if c.row.ID == id {
			return c, nil
		}
	}
	return candidate{}, backend.Errorf(backend.CodeUnauthenticated, "this way to sign in does not exist any more").
		WithHint("go back to the page to sign in, and choose another one")
}

// Begin returns the address at the issuer of a trust where a person signs in. The issuer sends the browser to redirect
// afterwards. With again, the person must give the credential there again.
func (l *Logins) Begin(ctx context.Context, trust, redirect string, again bool) (address string, f Flow, err error) {
	c, err := l.forPerson(ctx, trust)
	if err != nil {
		return "", Flow{}, err
	}
	at, _, err := l.client(ctx, c, redirect)
	if err != nil {
		return "", Flow{}, err
	}
	f = Flow{Trust: c.row.ID, Name: c.row.Name, State: rand.Text(), Nonce: rand.Text(),
		Verifier: oauth2.GenerateVerifier(), Redirect: redirect, Began: l.options.Now(), Again: again}
	options := []oauth2.AuthCodeOption{gooidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return at.AuthCodeURL(f.State, options...), f, nil
}

// client returns this server as a client of the issuer of a trust, and where the issuer answers.
func (l *Logins) client(ctx context.Context, c candidate, redirect string) (oauth2.Config, endpoints, error) {
	keys, err := l.issuers.issuer(c.trust.Issuer).current(ctx, anyKeys)
	if err != nil {
		err = l.withoutReason(ctx, c, err)
		if errors.Is(err, backend.ErrUnavailable) {
			err = errNotReached(c)
		}
		return oauth2.Config{}, endpoints{}, err
	}
	if keys.endpoints.authorize == "" || keys.endpoints.token == "" {
		l.options.Log.WarnContext(ctx, "an issuer has no page to sign in", "trust", c.row.Name, "issuer", c.trust.Issuer)
		return oauth2.Config{}, endpoints{}, errNotReached(c)
	}
	secret, err := l.options.ClientSecret(c.trust.Issuer, c.trust.Audience)
	if err != nil {
		l.options.Log.ErrorContext(ctx, "the client secret cannot be read", "trust", c.row.Name, "reason", err.Error())
		return oauth2.Config{}, endpoints{}, errNotReached(c)
	}
	style := oauth2.AuthStyleInParams
	if secret != "" && keys.endpoints.basic {
		style = oauth2.AuthStyleInHeader
	}
	return oauth2.Config{ClientID: c.trust.Audience, ClientSecret: secret, RedirectURL: redirect,
		Endpoint: oauth2.Endpoint{AuthURL: keys.endpoints.authorize, TokenURL: keys.endpoints.token, AuthStyle: style},
		Scopes:   []string{gooidc.ScopeOpenID, "email", "profile"}}, keys.endpoints, nil
}

func errNotReached(c candidate) error {
	return backend.Errorf(backend.CodeUnavailable, "%s cannot be used to sign in now", backend.Quote(c.row.Name)).
		WithHint("try again in a minute; for an admin, the log of the server says why")
}

// Finish returns a session for the answer that the issuer has sent with the browser of a person, and when the person
// gave the credential to the issuer: the zero time if the issuer does not say. An error that is ErrUnauthenticated has
// a text for the person. Nothing of the answer is in it: anyone can have written it.
func (l *Logins) Finish(
	ctx context.Context, f Flow, answer url.Values,
) (s Session, who backend.Principal, gave time.Time, err error) {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.State)) != 1 || f.State == "" ||
		l.options.Now().Sub(f.Began) >= FlowTime {
		return s, who, gave, ErrOver
	}
	c, err := l.forPerson(ctx, f.Trust)
	if err != nil {
		return s, who, gave, err
	}
	at, from, err := l.client(ctx, c, f.Redirect)
	if err != nil {
		return s, who, gave, err
	}
	token, err := l.identityToken(ctx, c, at, from, f, answer)
	if err != nil {
		return s, who, gave, err
	}
	s, who, err = l.Login(ctx, c.row.ID, token)
	if errors.Is(err, backend.ErrUnauthenticated) {
		err = notAccepted(c)
	}
	if err != nil {
		return s, who, gave, err
	}
	gave, err = l.gave(ctx, c, f, from, token)
	return s, who, gave, err
}

// ErrOver is the error of an answer to no sign-in that this browser has begun.
var ErrOver = backend.Errorf(backend.CodeUnauthenticated,
	"this sign-in is over, or began in another window or browser").WithHint("sign in again")

// notAccepted is the error of a person whom the issuer knows, and the trust does not let in.
func notAccepted(c candidate) error {
	return backend.Errorf(backend.CodeUnauthenticated, "you have signed in at %s, but that does not let you in here",
		backend.Quote(c.row.Name)).
		WithHint("ask an admin: the log of the server says why, and the trust says who may sign in")
}

// identityToken returns the identity token for the code in an answer.
func (l *Logins) identityToken(
	ctx context.Context, c candidate, at oauth2.Config, from endpoints, f Flow, answer url.Values,
) (string, error) {
	iss, code, refused := answer.Get("iss"), answer.Get("code"), answer.Get("error")
	switch {
	// RFC 9207: the answer of another issuer, whose code this issuer must not get.
	case len(answer["iss"]) > 1 || iss != "" && iss != c.trust.Issuer || iss == "" && from.names:
		return "", l.refusePerson(ctx, c, fmt.Errorf("the answer is of the issuer %s", backend.Quote(short(iss))))
	case refused == "access_denied":
		return "", backend.Errorf(backend.CodeUnauthenticated, "%s has not signed you in: you have cancelled, or may not "+
			"use this application", backend.Quote(c.row.Name)).WithHint("sign in again, or ask an admin of the issuer")
	case refused != "":
		return "", l.refusePerson(ctx, c, fmt.Errorf("the issuer answers with the error %s", backend.Quote(short(refused))))
	case code == "" || len(code) > maxCode || len(answer["code"]) > 1:
		return "", l.refusePerson(ctx, c, errors.New("the answer has no code"))
	}
	select {
	case l.codes <- struct{}{}:
		defer func() { <-l.codes }()
	default:
		return "", errNotReached(c)
	}
	given, err := at.Exchange(context.WithValue(ctx, oauth2.HTTPClient, l.issuers.client), code,
		oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return "", l.refuseCode(ctx, c, err)
	}
	token, _ := given.Extra("id_token").(string)
	unverified, _, err := payloadOf(token)
	if err != nil {
		return "", l.refusePerson(ctx, c, fmt.Errorf("the identity token: %w", err))
	}
	// Login verifies the signature of these bytes.
	if subtle.ConstantTimeCompare([]byte(unverified.text("nonce")), []byte(f.Nonce)) != 1 {
		return "", l.refusePerson(ctx, c, errors.New("the identity token is for another sign-in: its nonce differs"))
	}
	return token, nil
}

// refuseCode returns the error of a code that the issuer gives no token for.
func (l *Logins) refuseCode(ctx context.Context, c candidate, err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil ||
		refused.Response.StatusCode >= http.StatusInternalServerError {
		l.options.Log.WarnContext(ctx, "an issuer gives no identity token", "trust", c.row.Name, "issuer", c.trust.Issuer,
			"reason", short(reasonOf(err).Error()))
		return errNotReached(c)
	}
	return l.refusePerson(ctx, c, fmt.Errorf("the issuer gives no token for the code: status %d, error %s",
		refused.Response.StatusCode, backend.Quote(short(refused.ErrorCode))))
}

// refusePerson logs why nobody is signed in, and returns the error for the person.
func (l *Logins) refusePerson(ctx context.Context, c candidate, reason error) error {
	l.options.Log.WarnContext(ctx, "sign-in at an issuer refused", "trust", c.row.Name, "reason", reason.Error(),
		"address", backend.OriginFrom(ctx).Address)
	return backend.Errorf(backend.CodeUnauthenticated, "signing in with %s did not work", backend.Quote(c.row.Name)).
		WithHint("sign in again; if it happens again, ask an admin: the log of the server says why")
}

// short cuts a text of others for the log.
func short(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// gave returns when the person gave the credential, from a token that Login has accepted. A person who had to give it
// again gave it after the flow began. Not all issuers say when it was given. An issuer that supports the claim adds
// it if the request has max_age. So from such an issuer, a token without the claim means that somebody has removed
// max_age.
func (l *Logins) gave(ctx context.Context, c candidate, f Flow, from endpoints, token string) (time.Time, error) {
	verified, _, err := payloadOf(token)
	if err != nil {
		return time.Time{}, err
	}
	at, said, err := verified.time("auth_time")
	tooEarly := said && f.Again && at.Before(f.Began.Add(-skew))
	tooLate := said && at.After(l.options.Now().Add(skew))
	missing := !said && f.Again && from.saysWhen
	if err != nil || tooEarly || tooLate || missing {
		return time.Time{}, l.refusePerson(ctx, c, errors.New("the person did not have to give the credential again"))
	}
	return at, nil
}
