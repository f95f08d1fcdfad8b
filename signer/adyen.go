package signer

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// maxAdyenItems bounds the notifications of one message; Adyen sends one.
const maxAdyenItems = 100

// adyenHook checks each notification of a payments webhook: eight of its fields, joined by colons, are signed, and the signature stands in
// additionalData.hmacSignature of the same item. What else is in the item is not covered.
// https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures
func adyenHook() hook {
	return hook{
		covers: []string{"field pspReference", "field originalReference", "field merchantAccountCode", "field merchantReference",
			"field amount", "field eventCode", "field success"},
		verify: func(_ context.Context, v *Verifier, r *reader, at time.Time) Verdict {
			items := adyenItems(r.document())
			if len(items) == 0 {
				return v.verdict(Unsigned, MissingSignature, "there is no notification item with a signature")
			}
			if len(items) > maxAdyenItems {
				return v.verdict(Invalid, TooMany, "more than 100 notification items")
			}
			live := 0
			for i := range v.keys {
				k := &v.keys[i]
				if !k.Live(at) {
					continue
				}
				if errors.Is(k.err, ErrEmptySecret) {
					return v.verdict(NoKey, EmptySecret, "the secret is empty")
				}
				if k.err != nil {
					return v.verdict(Invalid, BadKey, k.err.Error())
				}
				live++
				all := true
				for _, item := range items {
					text := strings.Join(jsonValues(item, "additionalData.hmacSignature"), "")
					if text == "" {
						return v.verdict(Unsigned, MissingSignature, "a notification item has no signature")
					}
					sig, ok := decodeText("base64", text)
					if !ok {
						return v.verdict(Invalid, Malformed, "the signature of an item is not base64")
					}
					all = hmac.Equal(adyenMAC(k.bytes, item), sig) && all
				}
				if all {
					done := v.verdict(Valid, "", "")
					done.KeyID = k.ID
					return done
				}
			}
			if live == 0 {
				return v.verdict(NoKey, NoLiveKey, "there is no key that is good at this time")
			}
			return v.verdict(Invalid, Mismatch, "no key of yours made the signature of every item")
		},
		sign: func(s *Scheme, req *Request, keys []Key, _ SignOptions) (*Signed, error) {
			doc, err := decodeJSON(req.Body)
			if err != nil {
				return nil, errors.New("the body is not JSON")
			}
			items := adyenItems(doc)
			if len(items) == 0 {
				return nil, errors.New("the body has no notificationItems")
			}
			key, err := s.Key.decode(keys[0].Secret)
			if err != nil {
				return nil, err
			}
			for _, item := range items {
				setNode(item, []string{"additionalData", "hmacSignature"}, base64.StdEncoding.EncodeToString(adyenMAC(key, item)))
			}
			body, err := json.Marshal(doc)
			if err != nil {
				return nil, err
			}
			return &Signed{Body: body}, nil
		},
	}
}

func adyenItems(doc any) []map[string]any {
	root, _ := doc.(map[string]any)
	list, _ := root["notificationItems"].([]any)
	var items []map[string]any
	for _, entry := range list {
		wrap, _ := entry.(map[string]any)
		if item, ok := wrap["NotificationRequestItem"].(map[string]any); ok {
			items = append(items, item)
		}
	}
	return items
}

func adyenMAC(key []byte, item map[string]any) []byte {
	var fields []string
	for _, p := range []string{"pspReference", "originalReference", "merchantAccountCode", "merchantReference", "amount.value", "amount.currency", "eventCode", "success"} {
		fields = append(fields, strings.Join(jsonValues(item, p), ""))
	}
	mac := hmac.New(hashOf(HMACSHA256).New, key)
	mac.Write([]byte(strings.Join(fields, ":")))
	return mac.Sum(nil)
}
