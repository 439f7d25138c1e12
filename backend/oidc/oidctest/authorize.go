// SPDX-License-Identifier: MPL-2.0

package oidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
)

// authorized are the codes that the issuer has given to browsers.
type authorized struct {
	person map[string]any // the claims of the person at the browser; nil refuses
	codes  map[string]grant
	secret string     // what clients must present
	more   url.Values // further parameters of answers to browsers, in place of the usual ones
}

type grant struct {
	client, redirect, challenge, nonce string
	claims                             map[string]any
}

// SignIn makes a person with these claims sit at every browser; nil refuses the login.
func (i *Issuer) SignIn(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = claims
}

// WantSecret makes the issuer refuse clients without this secret in the header Authorization; "" accepts all.
func (i *Issuer) WantSecret(secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.secret = secret
}

// AnswerBrowsers sets parameters of the answers to browsers, in place of the usual ones.
func (i *Issuer) AnswerBrowsers(with url.Values) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.more = with
}

// authorize answers a browser: it gives a code to the address that the client names (RFC 6749, section 4.1).
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "invalid request", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if i.person == nil {
		answer.Set("error", "access_denied")
	} else {
		code := rand.Text()
		if i.codes == nil {
			i.codes = map[string]grant{}
		}
		i.codes[code] = grant{q.Get("client_id"), back.String(), q.Get("code_challenge"), q.Get("nonce"), i.person}
		answer.Set("code", code)
	}
	maps.Copy(answer, i.more)
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// exchange answers a client: it gives an identity token for a code, once, to who knows the verifier (RFC 7636).
func (i *Issuer) exchange(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	_, secret, _ := r.BasicAuth()
	i.mu.Lock()
	g, ok := i.codes[code]
	ok = ok && secret == i.secret
	delete(i.codes, code)
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	proven := base64.RawURLEncoding.EncodeToString(sum[:]) == g.challenge
	if !ok || !proven || r.PostFormValue("redirect_uri") != g.redirect {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error": "invalid_grant"}`))
		return
	}
	more := map[string]any{"nonce": g.nonce}
	maps.Copy(more, g.claims)
	_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "access_token": "none", "expires_in": 60,
		"id_token": i.Token(g.client, "", more)})
}
