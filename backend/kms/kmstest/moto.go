// SPDX-License-Identifier: MPL-2.0

package kmstest

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
)

// Moto starts moto_server, makes two keys in it, and returns the URI of the first. Other returns the URI of the second.
// Moto sets the environment as Server.URI does.
func Moto(t testing.TB) string {
	t.Helper()
	endpoint := StartMoto(t)
	setEnvironment(t)
	if err := createKeys(t.Context(), endpoint); err != nil {
		t.Fatalf("making keys in moto_server: %v", err)
	}
	return uri(endpoint)
}

// StartMoto starts moto_server on a free port and returns its URL. The server stops when the test ends. StartMoto skips
// the test if moto_server is not on PATH.
func StartMoto(t testing.TB) (endpoint string) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: starts moto_server: run without -short")
	}
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("SKIPPED: this test needs AWS KMS, and moto_server is not on PATH: pip install 'moto[server,kms]'")
	}
	ctx := context.WithoutCancel(t.Context()) // the cleanup stops the server
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", "0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting moto_server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines, before := bufio.NewReader(stderr), ""
	for {
		line, err := lines.ReadString('\n')
		if _, endpoint, ok := strings.Cut(line, "Running on "); ok {
			go func() { _, _ = io.Copy(io.Discard, lines) }() // or it stops when the pipe is full
			return strings.TrimSpace(endpoint)
		}
		before += line
		if err != nil {
			t.Fatalf("moto_server does not listen: %v\n%s", err, before)
		}
	}
}

func createKeys(ctx context.Context, endpoint string) error {
	client := awskms.New(awskms.Options{
		BaseEndpoint: &endpoint,
		Region:       Region,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}, nil
		}),
	})
	for _, alias := range []string{alias, otherAlias} {
		made, err := client.CreateKey(ctx, &awskms.CreateKeyInput{})
		if err != nil {
			return err
		}
		_, err = client.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: &alias, TargetKeyId: made.KeyMetadata.KeyId})
		if err != nil {
			return err
		}
	}
	return nil
}
