// SPDX-License-Identifier: MPL-2.0

// Package certificatetest makes certificate authorities and certificates for tests of TLS.
package certificatetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Authority is a certificate authority with files in one folder.
type Authority struct {
	Folder string
	File   string // its certificate, as PEM
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	chain  []byte // its certificate as DER, which follows those that it issues; nil for a root
}

// NewAuthority makes an authority whose certificate is the file NAME.pem.
func NewAuthority(folder, name string) (*Authority, error) {
	return newAuthority(folder, name, nil, nil)
}

// Limited makes an authority below a, which may sign only URIs of one domain.
func (a *Authority) Limited(name, domain string) (*Authority, error) {
	return newAuthority(a.Folder, name, a, []string{domain})
}

func newAuthority(folder, name string, by *Authority, domains []string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:            x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		PermittedURIDomains: domains, PermittedDNSDomainsCritical: len(domains) > 0,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &Authority{Folder: folder, File: filepath.Join(folder, name+".pem"), cert: cert, key: key}
	if by != nil {
		a.chain = der
	}
	return a, writePEM(a.File, "CERTIFICATE", der)
}

// Issue writes the files NAME.pem and NAME.key, for a server on this machine or for a client. The certificate is valid
// from one time to another.
func (a *Authority) Issue(name string, from, to time.Time) (certFile, keyFile string, err error) {
	return a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, name)
}

// IssueClient writes the files NAME.pem and NAME.key for a client. The certificate is valid from an hour ago to a time.
// Each subject alternative name is "uri:", "dns:", "email:" or "ip:" and a text. "constructed-uri:" and
// "constructed-dns:" have a tag that says "constructed", which no such name may have.
func (a *Authority) IssueClient(name string, to time.Time, names ...string) (certFile, keyFile string, err error) {
	all, err := alternativeNames(names)
	if err != nil {
		return "", "", err
	}
	return a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: to, ExtraExtensions: all,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, name)
}

// IssueForKey is IssueClient for the key in a file, for a day. It writes no file for the key.
func (a *Authority) IssueForKey(name, keyFile string, names ...string) (certFile string, err error) {
	all, err := alternativeNames(names)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", fmt.Errorf("%s has no PEM block", keyFile)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	return a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), ExtraExtensions: all,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, name, key.(*ecdsa.PrivateKey))
}

// IssueServer is IssueClient for a certificate of a day that is for servers only.
func (a *Authority) IssueServer(name string, names ...string) (certFile, keyFile string, err error) {
	all, err := alternativeNames(names)
	if err != nil {
		return "", "", err
	}
	return a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), ExtraExtensions: all,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, name)
}

// alternativeNames returns the extension with names as they are: crypto/x509 would write a URI in another spelling.
func alternativeNames(names []string) ([]pkix.Extension, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var all []asn1.RawValue
	for _, name := range names {
		form, text, _ := strings.Cut(name, ":")
		form, constructed := strings.CutPrefix(form, "constructed-")
		tag, ok := map[string]int{"email": 1, "dns": 2, "uri": 6, "ip": 7}[form]
		if !ok {
			return nil, fmt.Errorf("the name %q has no form", name)
		}
		value := []byte(text)
		if form == "ip" {
			value = net.ParseIP(text).To4()
		}
		all = append(all, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: constructed,
			Bytes: value})
	}
	der, err := asn1.Marshal(all)
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}}, err
}

// issue signs a certificate with a new key, and writes both.
func (a *Authority) issue(template *x509.Certificate, name string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	if certFile, err = a.sign(template, name, key); err != nil {
		return "", "", err
	}
	keyFile = filepath.Join(a.Folder, name+".key")
	return certFile, keyFile, writePEM(keyFile, "PRIVATE KEY", keyDER)
}

// sign signs a certificate for a key, and writes it with the certificates of the authorities below the root.
func (a *Authority) sign(template *x509.Certificate, name string, key *ecdsa.PrivateKey) (certFile string, err error) {
	template.SerialNumber, template.KeyUsage = serial(), x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return "", err
	}
	all := [][]byte{der}
	if a.chain != nil {
		all = append(all, a.chain)
	}
	certFile = filepath.Join(a.Folder, name+".pem")
	return certFile, writePEM(certFile, "CERTIFICATE", all...)
}

// IssueForADay is Issue for a certificate that has been valid for an hour and is for a day.
func (a *Authority) IssueForADay(name string) (certFile, keyFile string, err error) {
	return a.Issue(name, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	return n
}

func writePEM(file, kind string, all ...[]byte) error {
	var text []byte
	for _, der := range all {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return os.WriteFile(file, text, 0o600)
}
