// SPDX-License-Identifier: MPL-2.0

package kms

import (
	"context"
	"crypto/fips140"
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

// The quotas of AWS KMS are per second, so a few attempts within a few seconds, with full jitter, get past throttling.
// More attempts do not help: the caller has a cached key, or a person waits.
const (
	awsAttempts       = 5
	awsAttemptTimeout = 5 * time.Second
	awsBackoffFirst   = 100 * time.Millisecond
	awsCallTimeout    = 20 * time.Second // all attempts together
)

// awsKey is a key in AWS KMS. The first call loads the AWS configuration and makes the client.
type awsKey struct {
	uri string
	parsedURI

	mu          sync.Mutex // guards client while connect makes it
	client      *awskms.Client
	credentials credentials
}

var _ Key = (*awsKey)(nil)

func (k *awsKey) URI() string { return k.uri }

func (k *awsKey) GenerateDataKey(
	ctx context.Context, encryptionContext map[string]string,
) (plaintext, wrapped []byte, err error) {
	defer k.recovered(&err)
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
		return nil, nil, k.noDataKey()
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

func (k *awsKey) Encrypt(
	ctx context.Context, plaintext []byte, encryptionContext map[string]string,
) (wrapped []byte, err error) {
	defer k.recovered(&err)
	ctx, cancel := context.WithTimeout(ctx, awsCallTimeout)
	defer cancel()
	client, err := k.connect(ctx)
	if err != nil {
		return nil, k.translate(ctx, err)
	}
	out, err := client.Encrypt(ctx, &awskms.EncryptInput{
		KeyId:             &k.keyID,
		Plaintext:         plaintext,
		EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, k.translate(ctx, err)
	}
	if len(out.CiphertextBlob) == 0 {
		return nil, k.noDataKey()
	}
	return out.CiphertextBlob, nil
}

// Decrypt names the key in its request, although the wrapped key names it too. Without the name, AWS would use any key
// that these credentials may use. Then someone who can write to the database could insert their own data key.
func (k *awsKey) Decrypt(
	ctx context.Context, wrapped []byte, encryptionContext map[string]string,
) (plaintext []byte, err error) {
	defer k.recovered(&err)
	if len(wrapped) == 0 { // AWS would report a malformed request instead
		return nil, unusable(nil, "KMS key %s cannot unwrap a key: the wrapped key is empty", k.uri).
			WithHint(restoreWrapped)
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
		return nil, k.noDataKey()
	}
	return out.Plaintext, nil
}

// recovered makes an error of a panic of the SDK. The argument of the panic is not shown, because it may hold
// credentials. The next call makes another client, because a panic can leave a lock of this one locked.
func (k *awsKey) recovered(err *error) {
	if p := recover(); p != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.client = nil
		*err = unusable(nil, "the AWS library failed while it called KMS key %s", k.uri).
			WithHint("check the AWS credentials and the endpoint of the key")
	}
}

// connect makes the client once. It does not remember a failure, because the user may correct the AWS configuration
// while the process runs.
func (k *awsKey) connect(ctx context.Context) (*awskms.Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.client != nil {
		return k.client, nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(newRetryer),
		config.WithLogger(logging.Nop{}), // by default the SDK writes to standard error
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

// newRetryer returns the SDK's standard retryer with the limits above. It also retries after a truncated response.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = awsAttempts
		o.Backoff = retry.BackoffDelayerFunc(backoff)
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(isTruncated))
	})
}

// backoff is exponential with full jitter: a random time below a limit that doubles with every failed attempt. The SDK
// counts the first attempt as 1.
func backoff(failed int, _ error) (time.Duration, error) {
	return rand.N(awsBackoffFirst << max(failed-1, 0)), nil
}

func isTruncated(err error) aws.Ternary {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// credentials marks the errors of the standard credentials chain. Without the mark they look like errors of a KMS call,
// because the chain mostly calls other services (STS, SSO, the metadata of an instance).
type credentials struct {
	source    aws.CredentialsProvider
	retrieved atomic.Bool // source returned credentials before
}

func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.source.Retrieve(ctx)
	if err == nil && fips140.Enforced() && len(got.SecretAccessKey) < leastFIPSSecret {
		return aws.Credentials{}, &credentialsError{cause: errShortSecret, final: true}
	}
	if err == nil {
		c.retrieved.Store(true)
		return got, nil
	}
	// To have credentials and fail to renew them is an outage. To have none from the start is a configuration error.
	return got, &credentialsError{cause: err, final: !c.retrieved.Load() && ctx.Err() == nil}
}

// leastFIPSSecret is the shortest secret access key that FIPS mode allows, in bytes. The SDK signs with "AWS4" and this
// key, and HMAC with a key of less than 14 bytes panics. This panic would also leave the SDK locked.
const leastFIPSSecret = 10

var errShortSecret = errors.New("the secret access key is too short")

// credentialsError says that there are no AWS credentials.
type credentialsError struct {
	cause error
	final bool // to wait does not help
}

func (e *credentialsError) Error() string { return "retrieving AWS credentials: " + e.cause.Error() }
func (e *credentialsError) Unwrap() error { return e.cause }

// RetryableError makes the SDK's retryer stop, because the credentials chain has its own retries.
func (e *credentialsError) RetryableError() bool { return false }
