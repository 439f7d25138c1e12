// SPDX-License-Identifier: MPL-2.0

package kms

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// How long AWS KMS is given. Its quotas are per second, so a throttled call is
// worth a few attempts within a few seconds, with full jitter, and no more: the
// caller has a cached key to fall back on, or a person waiting.
const (
	awsAttempts       = 5
	awsAttemptTimeout = 5 * time.Second
	awsBackoffFirst   = 100 * time.Millisecond
	awsCallTimeout    = 20 * time.Second // all attempts together
)

// awsKey is a key in AWS KMS. The SDK's configuration and client are made at
// the first call.
type awsKey struct {
	uri string
	reference

	mu          sync.Mutex // guards client while it is being made
	client      *awskms.Client
	credentials credentials
}

var _ Key = (*awsKey)(nil)

func (k *awsKey) URI() string { return k.uri }

func (k *awsKey) GenerateDataKey(ctx context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, awsCallTimeout)
	defer cancel()
	client, err := k.connect(ctx)
	if err != nil {
		return nil, nil, k.translate(ctx, err)
	}
	out, err := client.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{
		KeyId:             &k.keyID,
		KeySpec:           types.DataKeySpecAes256,
		EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, nil, k.translate(ctx, err)
	}
	if len(out.Plaintext) != DataKeySize || len(out.CiphertextBlob) == 0 {
		return nil, nil, k.nonsense()
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Decrypt names the key, although AWS could tell it from the wrapped key: left
// to itself AWS would unwrap under any key that these credentials may use, so
// that whoever can write to the database could slip in a data key of their own.
func (k *awsKey) Decrypt(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	if len(wrapped) == 0 { // AWS would call the request malformed, not the wrapped key
		return nil, unusable(nil, "KMS key %s cannot unwrap a key: it is empty", k.uri).WithHint(restoreWrapped)
	}
	ctx, cancel := context.WithTimeout(ctx, awsCallTimeout)
	defer cancel()
	client, err := k.connect(ctx)
	if err != nil {
		return nil, k.translate(ctx, err)
	}
	out, err := client.Decrypt(ctx, &awskms.DecryptInput{
		KeyId:             &k.keyID,
		CiphertextBlob:    wrapped,
		EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, k.translate(ctx, err)
	}
	if len(out.Plaintext) != DataKeySize {
		return nil, k.nonsense()
	}
	return out.Plaintext, nil
}

// connect makes the client, once. An attempt that failed is not remembered: the
// file at fault may be put right while the process runs.
func (k *awsKey) connect(ctx context.Context) (*awskms.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		return k.client, nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(newRetryer),
		config.WithLogger(logging.Nop{}), // it would write to standard error, whoever's that is
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(awsAttemptTimeout)),
	}
	if k.region != "" {
		options = append(options, config.WithRegion(k.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, &credentialsError{cause: err, final: ctx.Err() == nil}
	}
	if cfg.Region == "" {
		return nil, &aws.MissingRegionError{}
	}
	k.credentials.source = cfg.Credentials
	cfg.Credentials = &k.credentials
	k.client = awskms.NewFromConfig(cfg, func(o *awskms.Options) {
		if k.endpoint != "" {
			o.BaseEndpoint = &k.endpoint
		}
	})
	return k.client, nil
}

// newRetryer is the SDK's standard one, with these bounds, and with one more
// reason to try again: an answer that broke off in the middle.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = awsAttempts
		o.Backoff = retry.BackoffDelayerFunc(backoff)
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(brokeOff))
	})
}

// backoff is exponential with full jitter: a random time up to a bound that
// doubles with every attempt that failed, of which the SDK counts the first as 1.
func backoff(failed int, _ error) (time.Duration, error) {
	return rand.N(awsBackoffFirst << max(failed-1, 0)), nil
}

func brokeOff(err error) aws.Ternary {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// credentials passes on what the standard chain finds, and marks its errors,
// which otherwise look like any call's: finding credentials is mostly calling
// another service (STS, SSO, an instance's metadata).
type credentials struct {
	source aws.CredentialsProvider
	found  atomic.Bool
}

func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.source.Retrieve(ctx)
	if err == nil {
		c.found.Store(true)
		return got, nil
	}
	// A machine that had credentials and fails to renew them is in an outage;
	// one that never had any is not set up.
	return got, &credentialsError{cause: err, final: !c.found.Load() && ctx.Err() == nil}
}

// credentialsError says that there are no credentials; final, that waiting will
// not bring any.
type credentialsError struct {
	cause error
	final bool
}

func (e *credentialsError) Error() string { return "finding AWS credentials: " + e.cause.Error() }
func (e *credentialsError) Unwrap() error { return e.cause }

// RetryableError tells the SDK's retryer not to look for credentials again and
// again: the chain has retried already what is worth it.
func (e *credentialsError) RetryableError() bool { return false }
