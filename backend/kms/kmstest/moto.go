// SPDX-License-Identifier: MPL-2.0

package kmstest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
)

// Moto starts moto_server on a free port, makes two keys in it, and returns the URI of the first. Other returns the URI
// of the second. Moto sets the environment as Server.URI does and stops the server when the test ends. It skips the
// test if moto_server is not on PATH.
func Moto(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: starts moto_server: run without -short")
	}
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not on PATH (pip install 'moto[server,kms]')")
	}
	setEnvironment(t)
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)

	var output bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-H", host, "-p", port)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("starting moto_server: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
	})

	// The timeout of go test ends the wait for a server that neither answers nor ends.
	endpoint := "http://" + address
	for !answers(endpoint) {
		select {
		case <-exited:
			t.Fatalf("moto_server ended: %s", output.Bytes())
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := createKeys(ctx, endpoint); err != nil {
		t.Fatalf("making keys in moto_server: %v", err)
	}
	return uri(endpoint)
}

func answers(endpoint string) bool {
	response, err := http.Get(endpoint + "/moto-api/data.json")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
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

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
