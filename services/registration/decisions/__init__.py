"""What each command does to seats and registrations; pure, folded over one snapshot by services.registration.domain."""
