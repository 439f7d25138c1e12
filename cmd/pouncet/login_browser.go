// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	// browserTime is how long a person has to log in.
	browserTime = 5 * time.Minute
	// issuerTime limits one request to the issuer.
	issuerTime = 10 * time.Second
	// callbackPath is where the issuer sends the browser back to.
	callbackPath = "/callback"
	// variableClientSecret is for issuers that want one even from programs, which cannot keep it.
	variableClientSecret = "POUNCET_OIDC_CLIENT_SECRET"
)

// identityFromBrowser returns the identity token of the person at a browser: the authorization code flow with PKCE (RFC
// 8252, RFC 7636). The code comes back to a loopback address. State and nonce bind it to this login.
func (a *app) identityFromBrowser(ctx context.Context, f identityFlags) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, browserTime)
	defer cancel()
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: issuerTime})
	issuer, err := oidc.NewProvider(ctx, f.issuer)
	if err != nil {
		return "", backend.Errorf(backend.CodeUnavailable, "the issuer %s cannot be used: %w", f.issuer, err).
			WithHint("check --issuer")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", backend.Errorf(backend.CodeUnavailable, "listening for the browser: %w", err)
	}
	at := oauth2.Config{ClientID: f.client, ClientSecret: os.Getenv(variableClientSecret), Endpoint: issuer.Endpoint(),
		RedirectURL: "http://" + l.Addr().String() + callbackPath, Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	answers := make(chan callback, 1)
	server := &http.Server{Handler: callbackHandler(state, answers), ReadHeaderTimeout: issuerTime}
	go func() { _ = server.Serve(l) }()
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // for the page of the person
		defer cancel()
		_ = server.Shutdown(stop)
	}()
	a.sendToBrowser(ctx, at.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), f.noBrowser)
	select {
	case <-ctx.Done():
		return "", backend.Errorf(backend.CodeUnavailable, "nobody has logged in at the browser: %w", ctx.Err()).
			WithHint("log in again: pouncet login")
	case answer := <-answers:
		if answer.refused != "" {
			return "", backend.Errorf(backend.CodeUnauthenticated, "the issuer has refused the login: %s",
				backend.Quote(answer.refused)).WithHint("log in again: pouncet login")
		}
		return exchangeCode(ctx, at, answer.code, verifier, nonce)
	}
}

// onceFromBrowser sends the person to the issuer once. If the server refuses the identity token, it would refuse
// another one as well, and the person would not know why the command waits for a second login.
func (a *app) onceFromBrowser(f identityFlags) func(ctx context.Context) (string, error) {
	token := ""
	return func(ctx context.Context) (_ string, err error) {
		if token == "" {
			token, err = a.identityFromBrowser(ctx, f)
		}
		return token, err
	}
}

// sendToBrowser opens the address in a browser, and prints it for another one.
func (a *app) sendToBrowser(ctx context.Context, address string, noBrowser bool) {
	a.notef("log in at %s", address)
	if noBrowser {
		return
	}
	remove, started := a.openPage(ctx, func(to io.Writer) error { return loginFile.Execute(to, address) })
	context.AfterFunc(ctx, remove)
	if started {
		a.noteText("pouncet: opened in your browser")
	}
}

// loginFile is a page that goes to the issuer.
var loginFile = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Pouncet</title>
<meta http-equiv="refresh" content="0; url={{.}}"><p><a href="{{.}}">Log in</a></p></html>
`))

// callback is what the issuer sends back with the browser.
type callback struct{ code, refused string }

// callbackHandler takes one answer with the right state, and ignores all others: any page can send the browser here.
func callbackHandler(state string, answers chan<- callback) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+callbackPath, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "This address is for the login of pouncet.", http.StatusBadRequest)
			return
		}
		answer := callback{code: q.Get("code"), refused: q.Get("error")}
		if answer.code == "" && answer.refused == "" {
			answer.refused = "no code"
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		text := "You can close this page and return to the terminal."
		select {
		case answers <- answer:
		default:
			text = "This login is already over."
		}
		_, _ = w.Write([]byte(text + "\n"))
	})
	return mux
}

// exchangeCode returns the identity token for a code. It came from the issuer itself, and the server verifies its
// signature.
func exchangeCode(ctx context.Context, at oauth2.Config, code, verifier, nonce string) (string, error) {
	given, err := at.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", backend.Errorf(backend.CodeUnauthenticated, "the issuer gave no identity token: %w", err).
			WithHint("check --client-id, and that the application allows loopback addresses; some issuers need %s",
				variableClientSecret)
	}
	token, _ := given.Extra("id_token").(string)
	parts := strings.Split(token, ".")
	var claims struct {
		Nonce string `json:"nonce"`
	}
	if len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(text, &claims)
		}
	}
	if subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(nonce)) != 1 {
		return "", backend.Errorf(backend.CodeUnauthenticated, "the identity token of the issuer is not for this login").
			WithHint("log in again: pouncet login")
	}
	return token, nil
}
