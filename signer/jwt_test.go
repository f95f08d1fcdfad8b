package signer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// forge makes a token with any header, signed with HMAC-SHA256 by any bytes.
func forge(header, claims string, key []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(header)) + "." + b64([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

func bearer(token string) *signer.Request {
	return &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{"Authorization": {"Bearer " + token}}}
}

func TestTokenTricksAreRefused(t *testing.T) {
	s, _ := signer.FindScheme("jwt")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	jwk, err := signer.MarshalJWK(&rsaKey.PublicKey, "k1", "RS256")
	if err != nil {
		t.Fatal(err)
	}
	set, err := signer.MarshalJWKS(jwk)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("example-secret")
	claims := fmt.Sprintf(`{"iat":%d}`, testAt.Unix())
	for _, c := range []struct {
		name, token string
		key         string
		want        signer.Reason
	}{
		{"alg none", strings.TrimRight(forge(`{"alg":"none"}`, claims, nil), "-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), string(secret), signer.BadAlgorithm},
		{"alg None", forge(`{"alg":"None"}`, claims, secret), string(secret), signer.BadAlgorithm},
		{"no alg", forge(`{}`, claims, secret), string(secret), signer.BadAlgorithm},
		{"RSA public key as HMAC secret", forge(`{"alg":"HS256"}`, claims, public), string(public), signer.BadAlgorithm},
		{"key set as HMAC secret", forge(`{"alg":"HS256"}`, claims, set), string(set), signer.BadAlgorithm},
		{"RS256 with a shared secret", forge(`{"alg":"RS256"}`, claims, secret), string(secret), signer.BadAlgorithm},
		{"own key in the header", forge(`{"alg":"RS256","jwk":`+string(jwk)+`,"jku":"https://evil.test/","x5u":"https://evil.test/"}`, claims, secret), string(secret), signer.BadAlgorithm},
		{"unknown extension", forge(`{"alg":"HS256","crit":["exp"]}`, claims, secret), string(secret), signer.Malformed},
		{"unencoded payload", forge(`{"alg":"HS256","crit":["b64"],"b64":false}`, claims, secret), string(secret), signer.Malformed},
		{"key id of 129 characters", forge(`{"alg":"HS256","kid":"`+strings.Repeat("k", 129)+`"}`, claims, secret), string(secret), signer.Malformed},
		{"key id with a newline", forge(`{"alg":"HS256","kid":"a\nb"}`, claims, secret), string(secret), signer.Malformed},
		{"token of 9 KiB", forge(`{"alg":"HS256"}`, `{"x":"`+strings.Repeat("x", 9000)+`"}`, secret), string(secret), signer.TooLong},
		{"encrypted token of five parts", "a.b.c.d.e", string(secret), signer.Malformed},
		{"exp as text", forge(`{"alg":"HS256"}`, `{"exp":"9999999999"}`, secret), string(secret), signer.BadTimestamp},
		{"exp without end", forge(`{"alg":"HS256"}`, `{"exp":1e300}`, secret), string(secret), signer.BadTimestamp},
		{"expired", forge(`{"alg":"HS256"}`, `{"exp":1}`, secret), string(secret), signer.Expired},
		{"not yet", forge(`{"alg":"HS256"}`, `{"nbf":1900000000}`, secret), string(secret), signer.NotYetValid},
		{"claims are a list", forge(`{"alg":"HS256"}`, `[]`, secret), string(secret), signer.Malformed},
	} {
		v := signer.Verify(t.Context(), s, bearer(c.token), []signer.Key{{ID: "k", Secret: signer.Secret(c.key)}}, testAt, signer.Options{})
		if v.Status == signer.Valid || v.Reason != c.want {
			t.Errorf("%s: %+v, want %s", c.name, v, c.want)
		}
	}
	if v := signer.Verify(t.Context(), s, bearer(forge(`{"alg":"HS256"}`, claims, secret)), []signer.Key{{ID: "k", Secret: signer.Secret(secret)}}, testAt, signer.Options{}); v.Status != signer.Valid {
		t.Errorf("an honest token: %+v", v)
	}
	opts := signer.Options{Params: map[string]string{"audience": "me"}}
	for claims, want := range map[string]signer.Status{`{"aud":"me"}`: signer.Valid, `{"aud":["you","me"]}`: signer.Valid, `{"aud":"you"}`: signer.Invalid, `{}`: signer.Invalid} {
		if v := signer.Verify(t.Context(), s, bearer(forge(`{"alg":"HS256"}`, claims, secret)), []signer.Key{{Secret: signer.Secret(secret)}}, testAt, opts); v.Status != want {
			t.Errorf("%s: %+v", claims, v)
		}
	}
}

func TestKeySetsAreBounded(t *testing.T) {
	bad := map[string]string{
		"point off the curve": `{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`,
		"tiny RSA key":        `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		"short Ed25519 key":   `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`,
		"51 keys":             `{"keys":[` + strings.Repeat(`{"kty":"oct","k":"AAAA"},`, 50) + `{"kty":"oct","k":"AAAA"}]}`,
		"no keys":             `{"keys":[]}`,
		"no set":              `[]`,
	}
	for name, text := range bad {
		if keys, err := signer.ParseJWKS([]byte(text)); err == nil {
			t.Errorf("%s: %d keys", name, len(keys))
		}
	}
	big := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 2000)))
	if _, err := signer.ParseJWK([]byte(`{"kty":"RSA","n":"` + big + `","e":"AQAB"}`)); err == nil {
		t.Error("an RSA key of 16000 bits is taken")
	}
}

// published is a Fetcher that tells what it was asked.
type published struct {
	asked []string
	keys  []signer.JWK
	pem   []byte
}

func (p *published) Keys(_ context.Context, url, kid string) ([]signer.JWK, error) {
	p.asked = append(p.asked, url+" "+kid)
	if p.keys == nil {
		return nil, errors.New("no answer")
	}
	return p.keys, nil
}

func (p *published) Certificate(_ context.Context, url, _ string) ([]byte, error) {
	p.asked = append(p.asked, url)
	return p.pem, nil
}

func TestPublishedKeysComeFromTheRowsOwnAddress(t *testing.T) {
	s, _ := signer.FindScheme("google-pubsub")
	key, err := signer.NewTestKey(s, "k1")
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := signer.ParseJWK(key.JWK)
	if err != nil {
		t.Fatal(err)
	}
	params := map[string]string{"audience": "https://app.example.test/in"}
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}}
	signed, err := signer.Sign(s, req, []signer.Key{{ID: "k1", Secret: key.Private}}, signer.SignOptions{At: testAt, Params: params})
	if err != nil {
		t.Fatal(err)
	}
	f := &published{keys: []signer.JWK{*jwk}}
	v := signer.Verify(t.Context(), s, signed.Apply(req), nil, testAt, signer.Options{Params: params, Fetcher: f})
	if v.Status != signer.Valid || len(f.asked) == 0 || !strings.HasPrefix(f.asked[0], "https://www.googleapis.com/oauth2/v3/certs") {
		t.Errorf("%+v, asked %v", v, f.asked)
	}
	if v := signer.Verify(t.Context(), s, signed.Apply(req), nil, testAt, signer.Options{Params: params, Fetcher: &published{}}); v.Status != signer.NoKey || v.Reason != signer.KeyUnavailable {
		t.Errorf("issuer down: %+v", v)
	}
}

func TestCertificateAddressOfAMessage(t *testing.T) {
	s, _ := signer.FindScheme("aws-sns")
	key, err := signer.NewTestKey(s, "")
	if err != nil {
		t.Fatal(err)
	}
	private, err := signer.ParsePrivateKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.example.test"}, NotBefore: testAt.Add(-time.Hour), NotAfter: testAt.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for address, ok := range map[string]bool{
		"https://sns.us-east-1.amazonaws.com/SimpleNotificationService-a.pem":   true,
		"https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService.pem": true,
		"https://sns.us-east-1.amazonaws.com.evil.test/a.pem":                   false,
		"https://evil.test/sns.us-east-1.amazonaws.com.pem":                     false,
		"http://sns.us-east-1.amazonaws.com/a.pem":                              false,
		"https://sns.us-east-1.amazonaws.com:8443/a.pem":                        false,
		"https://sns.us-east-1.amazonaws.com@evil.test/a.pem":                   false,
		"https://bucket.s3.amazonaws.com/a.pem":                                 false,
		"https://sns.amazonaws.com/a.pem":                                       false,
		"https://169.254.169.254/a.pem":                                         false,
		"":                                                                      false,
	} {
		body, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": "m", "SigningCertURL": address})
		if err != nil {
			t.Fatal(err)
		}
		req := &signer.Request{Method: "POST", Header: http.Header{}, Body: body}
		signed, err := signer.Sign(s, req, []signer.Key{{Secret: key.Private}}, signer.SignOptions{At: testAt})
		if err != nil {
			t.Fatal(err)
		}
		f := &published{pem: cert}
		v := signer.Verify(t.Context(), s, signed.Apply(req), nil, testAt, signer.Options{Fetcher: f})
		if (v.Status == signer.Valid) != ok || (len(f.asked) > 0) != ok {
			t.Errorf("%q: %+v, asked %v", address, v, f.asked)
		}
		if ok {
			late := signer.Verify(t.Context(), s, signed.Apply(req), nil, testAt.Add(2*time.Hour), signer.Options{Fetcher: f})
			if late.Authentic() {
				t.Errorf("after the certificate's end: %+v", late)
			}
		}
	}
}

func TestECDSAKeyOfAnotherCurve(t *testing.T) {
	s, _ := signer.FindScheme("plaid")
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := signer.MarshalJWK(&other.PublicKey, "", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	sm := newSample(t, s)
	if v := sm.verify(t, sm.req, testAt, signer.Key{ID: "k", Secret: signer.Secret(jwk)}); v.Status != signer.Invalid || v.Reason != signer.BadAlgorithm {
		t.Errorf("verdict %+v", v)
	}
}

func TestCiphersOfHTTPMessageSignatures(t *testing.T) {
	s, _ := signer.FindScheme("http-message-signatures")
	for _, alg := range []string{signer.Ed25519, signer.ECDSASHA256, signer.ECDSASHA384, signer.RSAPSSSHA512} {
		key, err := signer.NewTestKey(&signer.Scheme{Algorithm: alg}, "k1")
		if err != nil {
			t.Fatal(err)
		}
		names := []string{""}
		if alg == signer.RSAPSSSHA512 {
			names = []string{"rsa-pss-sha512", "rsa-v1_5-sha256"}
		}
		for _, name := range names {
			req := sampleRequest(s)
			signed, err := signer.Sign(s, req, []signer.Key{{ID: "k1", Secret: key.Private}}, signer.SignOptions{At: testAt, Params: map[string]string{"alg": name}})
			if err != nil {
				t.Fatal(err)
			}
			sent := signed.Apply(req)
			for _, public := range []string{key.Public, string(key.JWK)} {
				v := signer.Verify(t.Context(), s, sent, []signer.Key{{ID: "mine", Secret: signer.Secret(public)}}, testAt, signer.Options{})
				if v.Status != signer.Valid || !v.Covered("body") || !v.Covered("method") || !v.Covered("url") {
					t.Errorf("%s %s: %+v", alg, name, v)
				}
			}
			want := signer.Options{Params: map[string]string{"components": "@method x-tenant"}}
			if v := signer.Verify(t.Context(), s, sent, []signer.Key{{Secret: signer.Secret(key.Public)}}, testAt, want); v.Authentic() {
				t.Errorf("a component that must be covered is not: %+v", v)
			}
		}
	}
}
