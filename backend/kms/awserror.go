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

// Ways out of what AWS refuses, by its error code. The codes are compared as
// text, since only some have a type in the SDK: ThrottlingException and
// AccessDeniedException, the two most frequent, have none.
const (
	renewCredentials = "renew or correct the AWS credentials of this process"
	checkKeyID       = "correct the key's alias, id, region or account in its URI"
)

var refusals = map[string]string{
	"NotFoundException":          checkKeyID + "; a key that was deleted for good cannot be brought back",
	"InvalidArnException":        checkKeyID,
	"DisabledException":          "enable the key again (aws kms enable-key)",
	"KMSInvalidStateException":   "cancel the key's deletion (aws kms cancel-key-deletion) and enable it, or finish its import",
	"InvalidKeyUsageException":   "name a symmetric key for encryption and decryption",
	"AccessDeniedException":      "allow this process kms:GenerateDataKey and kms:Decrypt, in the key's policy or by IAM",
	"InvalidCiphertextException": "the wrapped key was altered, or belongs to another place: " + restoreWrapped,
	"IncorrectKeyException":      "the wrapped key is of another KMS key: point the alias back to it",

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
	"OptInRequired":                       "enable the region for this AWS account, or name another",
}

// errUnreadable takes the place of the SDK's error about an answer that does
// not read: that one quotes the answer, in which a data key may be.
var errUnreadable = errors.New("the answer of AWS KMS does not read")

// translate makes of whatever the SDK returns one of the two errors of Key. The
// default is that there was no answer: a key must not count as refused because
// a proxy in between gave an error of its own.
func (k *awsKey) translate(ctx context.Context, err error) *backend.Error {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		err = errUnreadable
	}
	if ctx.Err() != nil {
		return k.silent(ended(ctx.Err()), errors.Join(ctx.Err(), err))
	}
	if missing, ok := errors.AsType[*credentialsError](err); ok {
		if !missing.final {
			return k.silent("the AWS credentials cannot be renewed", err)
		}
		return unusable(err, "KMS key %s cannot be used: this process has no AWS credentials", k.uri).
			WithHint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached")
	}
	if _, ok := errors.AsType[*aws.MissingRegionError](err); ok {
		return unusable(err, "KMS key %s cannot be used: no AWS region is set", k.uri).
			WithHint("add ?region= to the URI, or set AWS_REGION")
	}
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return k.silent(silence(err), err)
	}
	if _, known := refusals[answer.ErrorCode()]; known {
		return k.refused(answer.ErrorCode(), err)
	}
	if isTransient(err) || answer.ErrorCode() == "UnknownError" {
		return k.silent("AWS KMS says "+backend.Quote(answer.ErrorCode()), err)
	}
	return k.refused(answer.ErrorCode(), err)
}

// refused is an answer of no.
func (k *awsKey) refused(code string, cause error) *backend.Error {
	e := unusable(cause, "KMS key %s cannot be used: AWS KMS says %s", k.uri, backend.Quote(code))
	if hint, ok := refusals[code]; ok {
		return e.WithHint("%s", hint)
	}
	return e.WithHint(checkKeyID)
}

// silent is no answer.
func (k *awsKey) silent(reason string, cause error) *backend.Error {
	e := unavailable(k.uri, cause)
	e.Message += ": " + reason
	return e.WithHint("try again; if it stays so, check the network, the endpoint and the region")
}

// nonsense is an answer of yes without a data key in it, from something that is
// not AWS KMS.
func (k *awsKey) nonsense() *backend.Error {
	return unusable(nil, "KMS key %s cannot be used: what answered sent no data key of %d bytes", k.uri, DataKeySize).
		WithHint("check the endpoint in its URI")
}

// isTransient asks the SDK's own rules what is worth another attempt, and adds
// every answer of a server in trouble.
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

func ended(err error) string {
	if errors.Is(err, context.Canceled) {
		return "the call was cancelled"
	}
	return "there was no answer in time"
}

// silence says why there was no answer, as far as that is known. It quotes the
// errors of the network, which name addresses, and no others.
func silence(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error()
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return ended(context.DeadlineExceeded)
	}
	return "the answer did not arrive whole"
}
