package relay

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestMissesPerAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(rateLimits{})
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		for i := range 20 {
			if ok, _ := r.Miss(a); !ok {
				t.Fatalf("miss %d refused", i)
			}
		}
		ok, after := r.Miss(a)
		if ok || after <= 0 || after > 3*time.Second {
			t.Fatalf("miss 21: %v, %v", ok, after)
		}
		if ok, _ := r.Miss(b); !ok {
			t.Error("a neighbour is refused")
		}
		if ok, _ := r.Miss(netip.MustParseAddr("::ffff:192.0.2.1")); ok {
			t.Error("the mapped address is another one")
		}
		time.Sleep(after)
		if ok, _ := r.Miss(a); !ok {
			t.Error("refused after the time it was told")
		}
		if ok, _ := r.Miss(a); ok {
			t.Error("the refused misses were not counted right")
		}
		time.Sleep(time.Minute)
		passed := 0
		for range 30 {
			if ok, _ := r.Miss(a); ok {
				passed++
			}
		}
		if passed != 20 {
			t.Errorf("a minute later %d pass", passed)
		}
	})
}

func TestIPv6IsLimitedByNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(rateLimits{Miss: perSecond{1, 1}})
		for addr, want := range map[string]bool{"2001:db8:0:1::1": true, "2001:db8:0:2::1": true} {
			if ok, _ := r.Miss(netip.MustParseAddr(addr)); ok != want {
				t.Errorf("%s: %v", addr, ok)
			}
		}
		if ok, _ := r.Miss(netip.MustParseAddr("2001:db8:0:1:ffff::2")); ok {
			t.Error("another address of the /64 has a bucket of its own")
		}
		if ok, _ := r.Miss(netip.MustParseAddr("2001:db8:0:1::1%eth0")); ok {
			t.Error("a zone gives a bucket of its own")
		}
	})
}

func TestAFloodOfAddressesDoesNotGrowTheBuckets(t *testing.T) {
	b := newBuckets[netip.Prefix](perSecond{1, 1}, 100)
	for i := range 10_000 {
		var a [16]byte
		binary.BigEndian.PutUint32(a[2:], uint32(i))
		b.Allow(network(netip.AddrFrom16(a)))
		if len(b.byKey) > 100 || b.order.Len() != len(b.byKey) {
			t.Fatalf("%d keys, %d in order", len(b.byKey), b.order.Len())
		}
	}
}

func TestTheLastUsedIsForgottenLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets[int](perSecond{0.001, 1}, 3)
		b.Allow(0)
		for i := 1; i < 50; i++ {
			b.Allow(i)
			if ok, _ := b.Allow(0); ok {
				t.Fatalf("key 0 was forgotten at %d", i)
			}
		}
	})
}

func TestLimitsCanBeSwitchedOff(t *testing.T) {
	r := newRates(rateLimits{Endpoint: perSecond{Rate: -1}, Intake: perSecond{Rate: -1}})
	for range 10_000 {
		if ok, _ := r.Intake(1); !ok {
			t.Fatal("refused")
		}
	}
	if ok, after := newBuckets[int](perSecond{1, 0}, 1).Allow(1); ok || after <= 0 {
		t.Error("a burst of 0 lets something through")
	}
}

func TestCreationIsLimitedByTokenToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(rateLimits{Token: perSecond{1, 2}})
		addr := netip.MustParseAddr("192.0.2.0")
		for i := range 3 {
			addr = addr.Next()
			if ok, _ := r.Create(addr, "ci"); ok != (i < 2) {
				t.Errorf("creation %d: %v", i, ok)
			}
		}
		if ok, _ := r.Create(addr.Next(), ""); !ok {
			t.Error("without a token: refused")
		}
	})
}
