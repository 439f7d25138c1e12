// SPDX-License-Identifier: MPL-2.0

// Package kms reaches the key management service (KMS) whose key is the root
// of everything Pouncet encrypts.
//
// # What a KMS key does here
//
// It never sees a secret. It does two things, both to a data key of 32 bytes:
//
//	GenerateDataKey   makes a data key, returns it in the clear and wrapped
//	Decrypt           unwraps a wrapped data key
//
// Package envelope keeps the wrapped form beside the data and holds the clear
// one in memory for minutes. So the KMS is asked once for thousands of
// secrets, and whoever controls the KMS key controls all of them: disabling it
// shuts every copy of the database.
//
// Both calls take an encryption context: names and values that are not secret,
// are written to the KMS's own log, and must be the same at both calls. A
// wrapped key that is moved to another place does not unwrap there.
//
// # Two kinds of key
//
// A key is named by a URI, and [Open] understands two:
//
//	aws-kms:///alias/NAME                 AWS KMS, by alias, key id or ARN, with
//	aws-kms:///KEY-ID                     ?region= and, for tests and private
//	aws-kms:///arn:aws:kms:…              endpoints, ?endpoint= after it
//	file:///absolute/path                 a key file, for the embedded backend
//
// Credentials for AWS come from where every AWS tool finds them, and are never
// part of the URI: it is stored with the data, and shown.
//
// # Limits
//
// A key file is as safe as the folder that it is in. It keeps out whoever has
// the database without the file (a backup, a stolen disk image of another
// volume), not whoever can read both. There is no log of its use, no way to
// disable it, and no second copy: a lost key file is lost data.
//
// Data keys are plain memory of this process. Go gives no guarantee that
// memory is wiped, and this package pretends none.
package kms

import (
	"context"
	"encoding/binary"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// DataKeySize is the size of a data key in the clear, in bytes.
const DataKeySize = 32

// Key is one KMS key. It is safe for concurrent use and remembers no data key.
//
// Errors of both methods are *backend.Error. ErrUnavailable means that the KMS
// gave no answer (it throttles, fails, or is out of reach, or ctx ended): the
// same call may work later. ErrKeyUnusable means that it answered no: the key
// is gone, disabled, another one, or refused to these credentials, or the
// wrapped key or its encryption context is not what was wrapped.
type Key interface {
	// URI names the key, as it was given to Open. It holds no secret.
	URI() string

	// GenerateDataKey makes a data key of DataKeySize bytes, and returns it in
	// the clear and wrapped under this key.
	GenerateDataKey(ctx context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error)

	// Decrypt unwraps a data key. It insists on having been wrapped under this
	// very key, with an equal encryption context.
	Decrypt(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error)
}

// Open parses a key's URI. It neither calls the KMS nor reads the file, so that
// opening costs nothing where the key is not needed after all. ErrInvalid says
// what is wrong with the URI.
func Open(_ context.Context, uri string) (Key, error) {
	r, err := parse(uri)
	if err != nil {
		return nil, err
	}
	if r.path != "" {
		return &fileKey{uri: uri, path: r.path}, nil
	}
	return &awsKey{uri: uri, reference: r}, nil
}

// reference is a parsed URI: of a file, when path is set, or of a key in AWS.
type reference struct {
	path string

	keyID    string // key id, alias/NAME or ARN, as the KMS takes it
	region   string // "" leaves it to the environment
	endpoint string // "" is the region's own
}

const (
	schemeAWS  = "aws-kms"
	schemeFile = "file"
)

// twoForms is the way out of most mistakes with a URI.
const twoForms = "write aws-kms:///alias/NAME (or a key id or ARN) for AWS KMS, or file:///absolute/path for a key file"

func invalid(format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, format, args...).WithHint(twoForms).At("kms_key")
}

// parse never repeats in a message what stands where a password might: a URI is
// often put together by hand, out of others that held one.
func parse(uri string) (reference, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return reference{}, invalid("the KMS key's URI does not parse")
	}
	switch {
	case u.Scheme == "":
		return reference{}, invalid("the KMS key's URI has no scheme")
	case u.Scheme != schemeAWS && u.Scheme != schemeFile:
		return reference{}, invalid("KMS keys with scheme %s are not known", backend.Quote(u.Scheme))
	case u.User != nil:
		return reference{}, invalid("the KMS key's URI holds a user name or password, which would be stored in the clear")
	case u.Host != "" || !strings.HasPrefix(u.Path, "/"):
		return reference{}, invalid("the KMS key's URI needs three slashes after %s:", u.Scheme)
	case u.Fragment != "":
		return reference{}, invalid("the KMS key's URI has a fragment, which means nothing here")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return reference{}, invalid("the parameters of the KMS key's URI do not parse")
	}
	if u.Scheme == schemeFile {
		return parseFile(u.Path, query)
	}
	return parseAWS(strings.TrimPrefix(u.Path, "/"), query)
}

func parseFile(path string, query url.Values) (reference, error) {
	if len(query) > 0 {
		return reference{}, invalid("the URI of a key file takes no parameters").
			WithHint("write a question mark in a path as %%3F")
	}
	local := localPath(path)
	if strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) || !filepath.IsAbs(local) {
		return reference{}, invalid("the URI of a key file does not name a file")
	}
	return reference{path: filepath.Clean(local)}, nil
}

// localPath makes of /C:/folder/key, which is how a drive is written in a file
// URI (RFC 8089, appendix E.2), the C:/folder/key that Windows opens.
func localPath(path string) string {
	if filepath.VolumeName(strings.TrimPrefix(path, "/")) != "" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.FromSlash(path)
}

// The characters that key ids, aliases and ARNs are made of. What they spell is
// for AWS to say.
var (
	keyIDPattern  = regexp.MustCompile(`^[A-Za-z0-9:/_-]+$`)
	regionPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
)

func parseAWS(keyID string, query url.Values) (reference, error) {
	r := reference{keyID: keyID}
	if !keyIDPattern.MatchString(keyID) {
		return reference{}, invalid("the KMS key's URI names no key id, alias or ARN")
	}
	if service, region, ok := splitARN(keyID); ok {
		if service != "kms" {
			return reference{}, invalid("the KMS key's URI holds an ARN of another service than kms")
		}
		r.region = region
	}
	for name, values := range query {
		if len(values) != 1 {
			return reference{}, invalid("the KMS key's URI gives the parameter %s more than once", backend.Quote(name))
		}
		switch name {
		case "region":
			r.region = values[0]
		case "endpoint":
			endpoint, err := checkEndpoint(values[0])
			if err != nil {
				return reference{}, err
			}
			r.endpoint = endpoint
		default:
			return reference{}, invalid("the KMS key's URI has the parameter %s, which is not known", backend.Quote(name)).
				WithHint("aws-kms takes region and endpoint")
		}
	}
	if r.region != "" && !regionPattern.MatchString(r.region) {
		return reference{}, invalid("the region in the KMS key's URI is not one")
	}
	return r, nil
}

// splitARN takes arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE apart.
func splitARN(s string) (service, region string, ok bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return "", "", false
	}
	return parts[2], parts[3], true
}

// checkEndpoint insists on TLS off this machine: the answer to every call is a
// data key in the clear.
func checkEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "", invalid("the endpoint in the KMS key's URI is not a URL").
			WithHint("write it as ?endpoint=https://host:port")
	case u.User != nil:
		return "", invalid("the endpoint in the KMS key's URI holds a user name or password, which would be stored in the clear")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", invalid("the endpoint in the KMS key's URI is plain http to another machine: data keys would cross the network in the clear").
			WithHint("use https, or an address of this machine")
	}
	return endpoint, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// canonical writes an encryption context so that two of them give the same
// bytes only if they are equal: sorted, and each part preceded by its length.
func canonical(encryptionContext map[string]string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(encryptionContext)))
	for _, name := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, part := range []string{name, encryptionContext[name]} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
			out = append(out, part...)
		}
	}
	return out
}

// restoreWrapped is the way out where a wrapped key is not what was stored.
const restoreWrapped = "restore the wrapped key's row from a backup"

// unavailable is a KMS that gave no answer.
func unavailable(uri string, cause error) *backend.Error {
	e := backend.Errorf(backend.CodeUnavailable, "KMS key %s is out of reach", uri)
	e.Err = cause
	return e
}

// unusable is a KMS, or a key file, that answered no.
func unusable(cause error, format string, args ...any) *backend.Error {
	e := backend.Errorf(backend.CodeKeyUnusable, format, args...)
	e.Err = cause
	return e
}
