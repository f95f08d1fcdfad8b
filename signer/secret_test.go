package signer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hookrelay/hook/signer"
)

const canary = "CANARY-7f3a-not-a-secret"

func TestSecretIsHiddenFromEveryPrinter(t *testing.T) {
	key := signer.Key{ID: "k", Secret: canary}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T%v"} {
		for _, value := range []any{key.Secret, &key.Secret, key, &key, []signer.Key{key}, map[string]signer.Secret{"a": key.Secret}} {
			if out := fmt.Sprintf(verb, value); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T: %s", verb, value, out)
			}
		}
	}
	b, err := json.Marshal(map[string]any{"key": key, "keys": []signer.Key{key}})
	if err != nil || strings.Contains(string(b), canary) {
		t.Errorf("JSON: %s %v", b, err)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "secret", key.Secret, "key", key, "any", slog.AnyValue(&key))
	}
	if strings.Contains(log.String(), canary) {
		t.Errorf("log: %s", log.String())
	}
}

// No verdict, diagnosis or error holds the secret, whatever is wrong with the message or the key.
func TestSecretIsInNoVerdictErrorOrDiagnosis(t *testing.T) {
	eachScheme(t, func(t *testing.T, s *signer.Scheme) {
		sm := newSample(t, s)
		check := func(what string, value any) {
			t.Helper()
			plain := fmt.Sprintf("%v %+v %#v", value, value, value)
			b, err := json.Marshal(value)
			if err != nil {
				b = nil
			}
			if strings.Contains(plain+string(b), "CANARY") {
				t.Errorf("%s: %s %s", what, plain, b)
			}
		}
		for _, secret := range []signer.Secret{canary, "whsec_" + canary, canary + "|" + canary, "user:" + canary, "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----", `{"kty":"oct","k":"` + canary + `"}`, `{"keys":[{"kty":"RSA","n":"` + canary + `"}]}`} {
			keys := []signer.Key{{ID: "k", Secret: secret}}
			check("verdict", sm.verify(t, sm.req, testAt, keys...))
			check("diagnosis", signer.Explain(t.Context(), s, sm.req, keys, testAt, signer.Options{Params: sm.params}, keys...))
			_, err := signer.NewVerifier(s, keys, signer.Options{})
			check("error of NewVerifier", err)
			_, err = signer.Sign(s, &signer.Request{Method: "POST", Body: []byte("x")}, keys, signer.SignOptions{At: testAt, Params: sm.params})
			check("error of Sign", err)
			_, err = signer.ParsePrivateKey(secret)
			check("error of ParsePrivateKey", err)
			_, err = signer.ParsePublicKey(string(secret))
			check("error of ParsePublicKey", err)
		}
	})
}
