// SPDX-License-Identifier: MPL-2.0

// Package kms calls the key management service (KMS). Its key is the root of everything that Pouncet encrypts.
//
// # What a KMS key does
//
// A KMS key never sees a secret. It does three things with data keys of 32 bytes:
//
//	GenerateDataKey   makes a data key and returns it in plain text and wrapped
//	Encrypt           wraps a data key that another KMS key has made
//	Decrypt           unwraps a wrapped data key
//
// Package envelope stores the wrapped data key with the data and keeps the plain one in memory for minutes. So one KMS
// call is enough for thousands of secrets. To disable the KMS key makes every copy of the database unreadable.
//
// All calls take an encryption context: names and values that are not secret, that the KMS writes to its log, and that
// must be equal for wrapping and unwrapping. A wrapped key that is moved to another place cannot be unwrapped there.
//
// # Two types of key
//
// A URI names a key. [Open] accepts these:
//
//	aws-kms:///alias/NAME                 AWS KMS, by alias, key id or ARN. The parameter
//	aws-kms:///KEY-ID                     ?region= is optional, and so is ?endpoint=, for
//	aws-kms:///arn:aws:kms:…              tests and private endpoints.
//	file:///absolute/path                 a key file, for the embedded backend
//
// Credentials for AWS come from the places where every AWS tool looks for them. They are never part of the URI, because
// the URI is stored with the data and shown.
//
// # Limits
//
// A key file is as safe as its folder. It protects against someone who has the database without the file, such as a
// backup or the disk image of another volume. It does not protect against someone who can read both. Its use is not
// logged, it cannot be disabled, and there is no second copy: if the key file is lost, the data is lost.
//
// Data keys are in ordinary memory of this process. They are not wiped.
package kms

import (
	"context"
	"encoding/binary"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// DataKeySize is the size of a data key in plain text, in bytes.
const DataKeySize = 32

// Key makes and unwraps data keys with one KMS key. It is safe for concurrent use and keeps no data key.
//
// The errors of all methods are *backend.Error. ErrUnavailable means that the KMS gave no answer: it throttles, fails
// or cannot be reached, or ctx ended. The same call may succeed later. ErrKeyUnusable means that the KMS refused: the
// key does not exist, is disabled or is a different key, the credentials may not use it, or the wrapped key or its
// encryption context was changed.
type Key interface {
	// URI returns the URI that was given to Open. It holds no secret.
	URI() string

	// GenerateDataKey makes a data key of DataKeySize bytes. It returns the key in plain text and wrapped.
	GenerateDataKey(ctx context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error)

	// Encrypt wraps a data key of DataKeySize bytes.
	Encrypt(ctx context.Context, plaintext []byte, encryptionContext map[string]string) (wrapped []byte, err error)

	// Decrypt unwraps a data key that this KMS key wrapped with an equal encryption context.
	Decrypt(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error)
}

// Open parses the URI of a key. It does not call the KMS or read the key file, so it is cheap if the key is never used.
// ErrInvalid means that the URI is not valid.
func Open(_ context.Context, uri string) (Key, error) {
	r, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if r.path != "" {
		return &fileKey{uri: uri, path: r.path}, nil
	}
	return &awsKey{uri: uri, parsedURI: r}, nil
}

// parsedURI names a key file, if path is set, or a key in AWS.
type parsedURI struct {
	path string

	keyID    string // key id, alias/NAME or ARN
	region   string // "" means the region of the AWS configuration
	endpoint string // "" means the public endpoint of the region
}

const (
	schemeAWS  = "aws-kms"
	schemeFile = "file"
)

// uriForms is the hint for most mistakes in a URI.
const uriForms = "write aws-kms:///alias/NAME (or a key id or ARN) for AWS KMS, or file:///absolute/path for a key file"

func invalid(format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, format, args...).WithHint(uriForms).At("kms_key")
}

// parseURI never repeats in a message a part of the URI that may hold a password.
func parseURI(uri string) (parsedURI, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return parsedURI{}, invalid("the URI of the KMS key cannot be parsed")
	}
	switch {
	case u.Scheme == "":
		return parsedURI{}, invalid("the URI of the KMS key has no scheme")
	case u.Scheme != schemeAWS && u.Scheme != schemeFile:
		return parsedURI{}, invalid("the URI of the KMS key has scheme %s, which is not supported", backend.Quote(u.Scheme))
	case u.User != nil:
		return parsedURI{}, invalid(
			"the URI of the KMS key holds a user name or password, which would be stored in plain text").
			WithHint("remove it; credentials come from the AWS configuration of this process")
	case u.Host != "" || !strings.HasPrefix(u.Path, "/"):
		return parsedURI{}, invalid("the URI of the KMS key needs three slashes after %s:", u.Scheme)
	case u.Fragment != "":
		return parsedURI{}, invalid("the URI of the KMS key has a fragment, which is not supported").
			WithHint("remove it, or write a # in a path as %%23")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return parsedURI{}, invalid("the parameters of the KMS key's URI cannot be parsed")
	}
	if u.Scheme == schemeFile {
		return parseFile(u.Path, query)
	}
	return parseAWS(strings.TrimPrefix(u.Path, "/"), query)
}

func parseFile(path string, query url.Values) (parsedURI, error) {
	if len(query) > 0 {
		return parsedURI{}, invalid("the URI of a key file has parameters, which are not supported").
			WithHint("write a question mark in a path as %%3F")
	}
	local := localPath(path)
	if strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) || !filepath.IsAbs(local) {
		return parsedURI{}, invalid("the URI of a key file does not name a file")
	}
	return parsedURI{path: filepath.Clean(local)}, nil
}

// localPath turns /C:/folder/key, which is how a file URI holds a drive (RFC 8089, appendix E.2), into the
// C:\folder\key that Windows opens.
func localPath(path string) string {
	if filepath.VolumeName(strings.TrimPrefix(path, "/")) != "" {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.FromSlash(path)
}

// These patterns check the characters of key ids, aliases, ARNs and regions only. AWS checks the rest.
var (
	keyIDPattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9:/_-]+$`) })
	regionPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9-]{1,64}$`) })
)

func parseAWS(keyID string, query url.Values) (parsedURI, error) {
	r := parsedURI{keyID: keyID}
	if !keyIDPattern().MatchString(keyID) {
		return parsedURI{}, invalid("the URI of the KMS key does not hold a valid key id, alias or ARN")
	}
	if service, region, ok := splitARN(keyID); ok {
		if service != "kms" {
			return parsedURI{}, invalid("the ARN in the URI of the KMS key does not belong to the service kms")
		}
		r.region = region
	}
	for name, values := range query {
		if len(values) != 1 {
			return parsedURI{}, invalid("the URI of the KMS key has the parameter %s more than once", backend.Quote(name))
		}
		switch name {
		case "region":
			r.region = values[0]
		case "endpoint":
			endpoint, err := checkEndpoint(values[0])
			if err != nil {
				return parsedURI{}, err
			}
			r.endpoint = endpoint
		default:
			return parsedURI{}, invalid("the URI of the KMS key has the parameter %s, which is not supported",
				backend.Quote(name)).WithHint("use the parameters region and endpoint only")
		}
	}
	if r.region != "" && !regionPattern().MatchString(r.region) {
		return parsedURI{}, invalid("the region in the KMS key's URI is not valid").
			WithHint("write it as ?region=eu-west-1")
	}
	return r, nil
}

// splitARN splits arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.
func splitARN(s string) (service, region string, ok bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return "", "", false
	}
	return parts[2], parts[3], true
}

// checkEndpoint requires TLS for other machines, because every response holds a data key in plain text.
func checkEndpoint(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "", invalid("the endpoint in the KMS key's URI is not a valid URL").
			WithHint("write it as ?endpoint=https://host:port")
	case u.User != nil:
		return "", invalid(
			"the endpoint in the KMS key's URI holds a user name or password, which would be stored in plain text").
			WithHint("remove it; credentials come from the AWS configuration of this process")
	case u.Scheme == "http" && !backend.IsLoopback(u.Hostname()):
		return "", invalid("the endpoint in the KMS key's URI uses http: data keys would cross the network in plain text").
			WithHint("use https; http is for addresses of this machine")
	}
	return endpoint, nil
}

// encodeContext encodes an encryption context as bytes that are equal only for equal contexts: it sorts the names and
// writes the length of each part before it.
func encodeContext(encryptionContext map[string]string) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(encryptionContext)))
	for _, name := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, part := range []string{name, encryptionContext[name]} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
			out = append(out, part...)
		}
	}
	return out
}

// restoreWrapped is the hint for a wrapped key that was changed.
const restoreWrapped = "restore the database from a backup"

// unavailable returns the error of a KMS or key file that gave no answer.
func unavailable(uri string, cause error) *backend.Error {
	e := backend.Errorf(backend.CodeUnavailable, "KMS key %s cannot be reached", uri)
	e.Err = cause
	return e
}

// unusable returns the error of a KMS or key file that refused.
func unusable(cause error, format string, args ...any) *backend.Error {
	e := backend.Errorf(backend.CodeKeyUnusable, format, args...)
	e.Err = cause
	return e
}
