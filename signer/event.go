package signer

import "strings"

// Event is the name of the event in a message ("invoice.paid"), "" when the scheme does not say where it is. A place may be several joined
// by "+": their values are joined by a dot.
func Event(s *Scheme, req *Request) string {
	return firstOf(s.Event, &reader{req: req})
}

// DeliveryID is the provider's own id of a message, "" when it has none. It is a label: unverified messages can claim any.
func DeliveryID(s *Scheme, req *Request) string {
	return deliveryID(s, &reader{req: req})
}

func deliveryID(s *Scheme, r *reader) string {
	if len(s.Delivery) == 0 && s.MessageID != "" {
		return r.first(s.MessageID)
	}
	return firstOf(s.Delivery, r)
}

func firstOf(places []string, r *reader) string {
	for _, p := range places {
		var words []string
		for one := range strings.SplitSeq(p, "+") {
			if v := r.first(one); v != "" {
				words = append(words, v)
			}
		}
		if len(words) > 0 {
			return strings.Join(words, ".")
		}
	}
	return ""
}
