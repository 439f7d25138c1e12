// SPDX-License-Identifier: MPL-2.0

package kms

import (
	"context"
	"time"
)

// Observer sees each call of a KMS key. It is called concurrently and must not block.
type Observer interface {
	Called(ctx context.Context, operation string, start time.Time, err error)
}

// Observers are several Observers.
type Observers []Observer

// Called implements Observer.
func (all Observers) Called(ctx context.Context, operation string, start time.Time, err error) {
	for _, o := range all {
		o.Called(ctx, operation, start, err)
	}
}

// Observed returns a Key whose calls o sees; key itself if o is nil.
func Observed(key Key, o Observer) Key {
	if o == nil {
		return key
	}
	return observed{key, o}
}

type observed struct {
	Key
	observer Observer
}

var _ Key = observed{}

func (k observed) GenerateDataKey(
	ctx context.Context, encryptionContext map[string]string,
) (plaintext, wrapped []byte, err error) {
	start := time.Now()
	plaintext, wrapped, err = k.Key.GenerateDataKey(ctx, encryptionContext)
	k.observer.Called(ctx, "GenerateDataKey", start, err)
	return plaintext, wrapped, err
}

func (k observed) Encrypt(
	ctx context.Context, plaintext []byte, encryptionContext map[string]string,
) (wrapped []byte, err error) {
	start := time.Now()
	wrapped, err = k.Key.Encrypt(ctx, plaintext, encryptionContext)
	k.observer.Called(ctx, "Encrypt", start, err)
	return wrapped, err
}

func (k observed) Decrypt(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	start := time.Now()
	plaintext, err := k.Key.Decrypt(ctx, wrapped, encryptionContext)
	k.observer.Called(ctx, "Decrypt", start, err)
	return plaintext, err
}
