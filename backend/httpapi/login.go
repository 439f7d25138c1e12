// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// LoginFunc returns the session of a caller with an identity token or, if token is "", with the client certificate of
// the origin of ctx. Its error is ErrUnauthenticated if that is not accepted; who is then the caller, if it is known.
type LoginFunc func(ctx context.Context, trust, token string) (s LoginSession, who backend.Principal, err error)

// LoginSession is the answer to a login.
type LoginSession struct {
	Token     string                `json:"token"`
	ExpiresAt time.Time             `json:"expires_at"`
	Principal string                `json:"principal"` // the name of the trust, with "/" and the subject
	Kind      backend.PrincipalKind `json:"kind"`
}

type loginRequest struct {
	Trust string `json:"trust,omitempty"` // name or id
	Token string `json:"token,omitempty"`
}

const (
	// verbLogin is the verb of the records of logins.
	verbLogin backend.Verb = "login"
	// maxExchanges is how many identity tokens are checked at the same time: a check may wait for an issuer.
	maxExchanges  = 32
	maxLoginBytes = 32 << 10
)

// loginRate limits the logins from one address, or from one IPv6 network.
var loginRate = RateLimit{PerSecond: 10, Burst: 100}

// login exchanges an identity token, or a client certificate, for the token of a session. It needs no token, so it has
// its own limits.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(versionHeader, strconv.Itoa(WireVersion))
	if err := checkWireVersion(WireVersion, r.Header.Get(versionHeader)); err != nil {
		refuse(w, err)
		return
	}
	if s.options.Login == nil {
		refuse(w, backend.Errorf(backend.CodeInvalid, "this server accepts no identity tokens").
			WithHint("use a token: pouncet token create"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.options.CallTimeout)
	defer cancel()
	if wait := s.loginRates.wait(network(backend.OriginFrom(ctx).Address), time.Now()); wait > 0 {
		because(w, refusedRateLimited)
		tryLater(w, backend.Errorf(backend.CodeUnavailable, "this address has more than %v logins per second",
			loginRate.PerSecond).WithHint("try again in %d s", seconds(wait)), seconds(wait))
		return
	}
	in, err := readLogin(w, r) // before it takes a place, because a body can arrive slowly
	if err == nil && in.Token == "" && backend.OriginFrom(ctx).Certificate == nil {
		err = errNoCertificate()
	}
	if err != nil {
		refuse(w, err)
		return
	}
	select {
	case s.exchanges <- struct{}{}:
		defer func() { <-s.exchanges }()
	default:
		busy(w, backend.Errorf(backend.CodeUnavailable, "the server checks too many identity tokens at once"))
		return
	}
	out, who, err := s.options.Login(ctx, in.Trust, in.Token)
	err = s.options.Places.Hide(err)
	if who.ID != "" {
		requestLogFrom(ctx).principal = who.Name
		ctx = backend.WithPrincipal(ctx, who)
	}
	if err != nil {
		s.deny(ctx, w, r, verbLogin, err)
		return
	}
	answer(w, http.StatusOK, out)
}

func errNoCertificate() error {
	return backend.Errorf(backend.CodeInvalid, "a login requires an identity token or a client certificate").
		WithHint("give an identity token; a server asks for client certificates only with --client-ca, and takes none " +
			"from a proxy").At("token")
}

// readLogin reads the body of a login. It is small, so it does not count as other bodies do.
func readLogin(w http.ResponseWriter, r *http.Request) (in loginRequest, err error) {
	none := newCallers(1)
	body := &limitedBody{from: io.LimitReader(r.Body, maxLoginBytes+1), control: http.NewResponseController(w),
		start: time.Now(), caller: none.enter(backend.Principal{})}
	err = decode(body, r.Header.Get("Content-Type"), &in)
	if body.read > maxLoginBytes {
		return in, backend.Errorf(backend.CodeTooLarge, "the login has more than %d bytes", maxLoginBytes)
	}
	return in, err
}

// network returns the network of an IPv6 address (/64), which one caller may have to itself, and an IPv4 address as it
// is.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	p, err := a.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
