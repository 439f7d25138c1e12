// SPDX-License-Identifier: MPL-2.0

package kms

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	renewCredentials = "renew or correct the AWS credentials of this process"
	checkKeyID       = "correct the alias, key id, region or account in the URI"
)

// refusalHints holds a hint for each error code that is a refusal. The codes are compared as text because the SDK has a
// type for some of them only. ThrottlingException and AccessDeniedException, the two most frequent codes, have none.
var refusalHints = map[string]string{
	"NotFoundException":        checkKeyID + "; a deleted KMS key cannot be restored",
	"InvalidArnException":      checkKeyID,
	"DisabledException":        "enable the key again: aws kms enable-key",
	"KMSInvalidStateException": "cancel the deletion (aws kms cancel-key-deletion) and enable it, or finish the import",
	"InvalidKeyUsageException": "use a symmetric KMS key for encryption and decryption",
	"AccessDeniedException": "allow this process kms:GenerateDataKey, kms:Encrypt and kms:Decrypt, in the key policy " +
		"or in IAM",
	"InvalidCiphertextException": "the wrapped key was changed or belongs to another environment or deployment; " +
		restoreWrapped,
	"IncorrectKeyException": "another KMS key wrapped this key; point the alias back to it",

	"UnrecognizedClientException":         renewCredentials,
	"InvalidClientTokenId":                renewCredentials,
	"InvalidSignatureException":           renewCredentials + ", and check its clock",
	"SignatureDoesNotMatch":               renewCredentials + ", and check its clock",
	"IncompleteSignature":                 renewCredentials,
	"IncompleteSignatureException":        renewCredentials,
	"MissingAuthenticationToken":          renewCredentials,
	"MissingAuthenticationTokenException": renewCredentials,
	"ExpiredToken":                        renewCredentials,
	"ExpiredTokenException":               renewCredentials,
	"OptInRequired":                       "enable the region for this AWS account, or use another region",
}

// errUnreadable replaces the SDK's error about a response that it cannot parse. The SDK's error quotes the response,
// which may hold a data key.
var errUnreadable = errors.New("the response of AWS KMS cannot be parsed")

// translate turns an error of the SDK into one of the two errors of Key. An unknown error becomes ErrUnavailable,
// because an error of a proxy must not count as a refusal of the KMS.
func (k *awsKey) translate(ctx context.Context, err error) *backend.Error {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		err = errUnreadable
	}
	if ctx.Err() != nil {
		return k.unavailable(contextReason(ctx.Err()), errors.Join(ctx.Err(), err))
	}
	if errors.Is(err, errShortSecret) {
		return unusable(err, "KMS key %s cannot be used: in FIPS mode, an AWS secret access key needs at least %d bytes",
			k.uri, leastFIPSSecret).WithHint("check AWS_SECRET_ACCESS_KEY, or the profile")
	}
	if missing, ok := errors.AsType[*credentialsError](err); ok {
		if !missing.final {
			return k.unavailable("the AWS credentials cannot be renewed", err)
		}
		return unusable(err, "KMS key %s cannot be used: this process has no AWS credentials", k.uri).
			WithHint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with an IAM role")
	}
	if _, ok := errors.AsType[*aws.MissingRegionError](err); ok {
		return unusable(err, "KMS key %s cannot be used: no AWS region is set", k.uri).
			WithHint("add ?region= to the URI, or set AWS_REGION")
	}
	apiError, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return k.unavailable(networkReason(err), err)
	}
	code := apiError.ErrorCode()
	if _, known := refusalHints[code]; !known && (isTransient(err) || code == "UnknownError") {
		return k.unavailable("AWS KMS returned "+backend.Quote(code), err)
	}
	return k.refused(code, err)
}

// refused returns the error of a KMS that refused.
func (k *awsKey) refused(code string, cause error) *backend.Error {
	e := unusable(cause, "KMS key %s cannot be used: AWS KMS returned %s", k.uri, backend.Quote(code))
	if hint, ok := refusalHints[code]; ok {
		return e.WithHint("%s", hint)
	}
	return e.WithHint(checkKeyID)
}

// unavailable returns the error of a KMS that gave no answer.
func (k *awsKey) unavailable(reason string, cause error) *backend.Error {
	e := unavailable(k.uri, cause)
	e.Message += ": " + reason
	return e.WithHint("try again; if the error stays, check the network, the endpoint and the region")
}

// noDataKey returns the error of a success without a data key. The endpoint is probably not AWS KMS.
func (k *awsKey) noDataKey() *backend.Error {
	return unusable(nil, "KMS key %s cannot be used: the response holds no data key of %d bytes", k.uri, DataKeySize).
		WithHint("check the endpoint in the URI")
}

// isTransient reports whether another attempt may succeed: the SDK's rules say so, or the HTTP status does.
func isTransient(err error) bool {
	if retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() {
		return true
	}
	status, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	return ok && (status.HTTPStatusCode() >= 500 || status.HTTPStatusCode() == http.StatusTooManyRequests)
}

func contextReason(err error) string {
	if errors.Is(err, context.Canceled) {
		return "the call was cancelled"
	}
	return "it did not answer in time"
}

// networkReason says why there was no answer, if that is known. It quotes errors of the network only, because other
// errors may quote a response.
func networkReason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error()
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return contextReason(context.DeadlineExceeded)
	}
	return "the response is incomplete"
}
