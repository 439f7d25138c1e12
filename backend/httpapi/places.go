// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Places are the folders of a server and the hosts that it connects to. An error that leaves the server names a file
// without its folder, and a database or a KMS without its host, because callers need not know where a server keeps its
// data. A nil Places hides nothing.
type Places struct {
	folders []string
	names   map[string]string // of databases, with their hosts, and without
	report  func(error)
}

// NewPlaces returns the places of some folders. report gets each error as it was, if something in it was hidden.
func NewPlaces(report func(error), folders ...string) *Places {
	p := &Places{report: report}
	for _, f := range folders {
		if f = filepath.Clean(f); filepath.IsAbs(f) && f != filepath.Dir(f) {
			p.folders = append(p.folders, f)
		}
	}
	slices.SortFunc(p.folders, func(a, b string) int { return len(b) - len(a) }) // one can be in another
	return p
}

// Rename hides the name of a database, which has its host: errors have the short name instead.
func (p *Places) Rename(name, short string) {
	if p.names == nil {
		p.names = map[string]string{}
	}
	p.names[name] = short
}

// Hide returns the error of a call without the places.
func (p *Places) Hide(err error) error {
	hidden, changed := p.hide(err)
	if changed {
		p.report(err)
	}
	return hidden
}

// HideProblem returns a problem of the server without the places. It reports nothing: the server has logged it.
func (p *Places) HideProblem(problem error) error {
	hidden, _ := p.hide(problem)
	return hidden
}

func (p *Places) hide(err error) (hidden error, changed bool) {
	if p == nil || err == nil {
		return err, false
	}
	was := backend.AsError(err)
	e := *was
	e.Message, e.Hint = p.without(withoutAddress(e.Message, err)), p.without(e.Hint)
	if e.Message == was.Message && e.Hint == was.Hint {
		return err, false
	}
	return &e, true
}

func (p *Places) without(text string) string {
	for name, short := range p.names {
		text = strings.ReplaceAll(text, name, short)
	}
	for _, f := range p.folders {
		text = strings.ReplaceAll(text, f+string(filepath.Separator), "")
		text = withoutFolder(text, f)
	}
	return withoutEndpoints(text)
}

// withoutEndpoints replaces the endpoint in each URI of a KMS key, which names a host.
func withoutEndpoints(text string) string {
	const scheme = "aws-kms:"
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(text, scheme)
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		uri := after
		if end := strings.IndexAny(after, " \t\n\"'"); end >= 0 {
			uri = after[:end]
		}
		uri = strings.TrimRight(uri, ":;,.)")
		out.WriteString(scheme + withoutEndpoint(uri))
		text = after[len(uri):]
	}
}

func withoutEndpoint(uri string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	parameters := strings.Split(query, "&")
	for i, p := range parameters {
		name, _, _ := strings.Cut(p, "=")
		if plain, err := url.QueryUnescape(name); err != nil || plain == "endpoint" {
			parameters[i] = "endpoint=…"
		}
	}
	return path + "?" + strings.Join(parameters, "&")
}

// withoutFolder replaces a folder by its last part, wherever its name ends there.
func withoutFolder(text, folder string) string {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(text, folder)
		out.WriteString(before)
		switch {
		case !ok:
			return out.String()
		case after == "" || strings.ContainsAny(after[:1], " :,;)\"'"):
			out.WriteString(filepath.Base(folder))
		default:
			out.WriteString(folder)
		}
		text = after
	}
}

// withoutAddress replaces an error of the network that the text quotes: it names a host.
func withoutAddress(text string, err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return strings.ReplaceAll(text, op.Error(), op.Op+": "+plainReason(op.Err))
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return strings.ReplaceAll(text, certificate.Error(), "its certificate is not valid")
	}
	return text
}

// plainReason returns the reason of an error of the network without a host.
func plainReason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok { // its text can have the address of the name server
		if dns.IsNotFound {
			return "no such host"
		}
		return "the name server does not answer"
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Error()
	}
	return "it failed"
}

// hideIn hides the places in an error that is part of an answer.
func (p *Places) hideIn(e **backend.Error) {
	if *e != nil {
		*e = backend.AsError(p.Hide(*e))
	}
}

// Service returns the service with errors that name no place.
func (p *Places) Service(next backend.Service) backend.Service {
	if p == nil {
		return next
	}
	return placeless{next, p}
}

// authenticate returns a function whose errors name no place.
func (p *Places) authenticate(next Authenticate) Authenticate {
	return func(ctx context.Context, token string) (backend.Principal, error) {
		who, err := next(ctx, token)
		return who, p.Hide(err)
	}
}

type placeless struct {
	next   backend.Service
	places *Places
}

var _ backend.Service = placeless{}

// Query implements backend.Service.
func (s placeless) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := s.next.Query(ctx, q)
	return page, s.places.Hide(err)
}

// Resolve implements backend.Service.
func (s placeless) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := s.next.Resolve(ctx, refs)
	for i := range out {
		s.places.hideIn(&out[i].Err)
	}
	return out, s.places.Hide(err)
}

// Apply implements backend.Service.
func (s placeless) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	out, err := s.next.Apply(ctx, set)
	for i := range out {
		s.places.hideIn(&out[i].Err)
		for k := range out[i].Parts {
			s.places.hideIn(&out[i].Parts[k].Err)
		}
	}
	return out, s.places.Hide(err)
}
