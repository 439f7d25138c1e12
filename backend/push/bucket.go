// SPDX-License-Identifier: MPL-2.0

package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// bucket is a target in a bucket with the API of S3. It needs two calls of that API, PUT and GET of an object, so it
// signs them itself with the SDK rather than add the client of S3 to the program.
type bucket struct {
	name, key        string // the key is empty or ends with / if each checkpoint gets a new object
	endpoint, region string
}

func parseBucket(u *url.URL) (Target, error) {
	b := bucket{name: u.Host, key: strings.TrimPrefix(u.Path, "/")}
	q := u.Query()
	for name := range q {
		if name != "endpoint" && name != "region" || len(q[name]) > 1 {
			return nil, wrong("s3", "only endpoint and region can follow the key")
		}
	}
	b.endpoint, b.region = strings.TrimSuffix(q.Get("endpoint"), "/"), q.Get("region")
	if b.name == "" {
		return nil, wrong("s3", "it names no bucket")
	}
	if b.endpoint == "" {
		return b, nil
	}
	e, err := url.Parse(b.endpoint)
	if err != nil || e.Host == "" || e.User != nil || e.RawQuery != "" || e.Fragment != "" ||
		e.Scheme != "https" && (e.Scheme != "http" || !backend.IsLoopback(e.Hostname())) {
		return nil, wrong("s3", "its endpoint is not https://HOST")
	}
	return b, nil
}

func (b bucket) String() string { return "s3://" + b.name + "/" + b.key }

func (b bucket) isFolder() bool { return b.key == "" || strings.HasSuffix(b.key, "/") }

func (b bucket) Put(ctx context.Context, name string, note []byte) (string, error) {
	keys := []string{b.key}
	if b.isFolder() {
		keys = []string{keyOf(b.key, name), keyOf(b.key, latestName)}
	}
	for _, key := range keys {
		body, status, err := b.call(ctx, http.MethodPut, key, note)
		switch {
		case err != nil:
			return "", err
		case status/100 != 2:
			return "", backend.Errorf(backend.CodeUnavailable, "%s has not accepted the checkpoint: %s (status %d)", b,
				codeOf(body), status).WithHint("check the bucket, its region and endpoint, and the right s3:PutObject")
		}
	}
	return "s3://" + b.name + "/" + keys[0], nil
}

// Latest needs the right s3:GetObject. Without it, the bucket returns nothing.
func (b bucket) Latest(ctx context.Context) ([]byte, error) {
	key := b.key
	if b.isFolder() {
		key = keyOf(b.key, latestName)
	}
	body, status, err := b.call(ctx, http.MethodGet, key, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status == http.StatusForbidden: // also for a missing object, without s3:ListBucket
		return nil, errNotReturned
	case status/100 != 2:
		return nil, backend.Errorf(backend.CodeUnavailable, "%s has not returned the last checkpoint: %s (status %d)", b,
			codeOf(body), status).WithHint("check the bucket, its region and endpoint")
	}
	return body, nil
}

// codeOf returns the code of an error of S3, which is XML.
func codeOf(body []byte) string {
	var e struct {
		Code string `xml:"Code"`
	}
	if xml.Unmarshal(body, &e) != nil || e.Code == "" {
		return "no reason given"
	}
	return backend.PrintableLine(e.Code)
}

// call signs and sends a request for one object.
func (b bucket) call(ctx context.Context, method, key string, note []byte) (body []byte, status int, err error) {
	defer func() { // the SDK can panic on wrong credentials; what it says may hold them
		if recover() != nil {
			err = backend.Errorf(backend.CodeUnavailable, "the AWS library failed while it called %s", b).
				WithHint("check the AWS credentials")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if b.region != "" {
		options = append(options, config.WithRegion(b.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	var credentials aws.Credentials
	if err == nil {
		credentials, err = cfg.Credentials.Retrieve(ctx)
	}
	switch {
	case err != nil:
		return nil, 0, backend.Errorf(backend.CodeUnavailable, "%s cannot be used: no AWS credentials were found", b).
			WithHint("set AWS_PROFILE or another source of credentials")
	case cfg.Region == "":
		return nil, 0, backend.Errorf(backend.CodeInvalid, "%s has no region", b).
			WithHint("set AWS_REGION, or add ?region=REGION")
	}
	req, err := http.NewRequestWithContext(ctx, method, b.address(cfg.Region, key), bytes.NewReader(note))
	if err != nil {
		return nil, 0, failed(b, err)
	}
	sum := sha256.Sum256(note)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	if method == http.MethodPut {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	err = v4.NewSigner().SignHTTP(ctx, credentials, req, hash, "s3", cfg.Region, time.Now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true // S3 escapes a key once
	})
	if err == nil {
		body, status, err = send(req)
	}
	if err != nil {
		return nil, 0, failed(b, err)
	}
	return body, status, nil
}

// address returns the URL of an object. A bucket of another endpoint is in the path, because its name is in no
// certificate.
func (b bucket) address(region, key string) string {
	escaped := (&url.URL{Path: "/" + key}).EscapedPath()
	switch {
	case b.endpoint != "":
		return b.endpoint + "/" + b.name + escaped
	case strings.Contains(b.name, "."):
		return "https://s3." + region + ".amazonaws.com/" + b.name + escaped
	}
	return "https://" + b.name + ".s3." + region + ".amazonaws.com" + escaped
}
