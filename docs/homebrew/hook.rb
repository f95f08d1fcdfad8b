# Source formula for homebrew-core. Before it is proposed, the version and the
# hash are those of a release: docs/releasing.md.
class Hook < Formula
  desc "Bring webhooks to localhost"
  homepage "https://github.com/hookrelay/hook"
  url "https://github.com/hookrelay/hook/archive/refs/tags/v0.0.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"
  head "https://github.com/hookrelay/hook.git", branch: "main"

  depends_on "go" => :build

  def install
    ENV["CGO_ENABLED"] = "0"
    ldflags = "-s -w -X github.com/hookrelay/hook/cmd.version=v#{version}"
    system "go", "build", *std_go_args(ldflags:), "./cmd/hook"
    system "go", "run", "./cmd/gen", "man", "man", time.to_i.to_s
    man1.install Dir["man/*.1"]
    man7.install Dir["man/*.7"]
    bash_completion.install "completions/hook.bash" => "hook"
    zsh_completion.install "completions/_hook"
    fish_completion.install "completions/hook.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/hook version")
    ENV["KEY"] = "made-up"
    (testpath/"body.json").write "{}"
    headers = shell_output("#{bin}/hook sign github body.json --secret env:KEY")
    assert_match "X-Hub-Signature-256: sha256=", headers
    signature = headers[/X-Hub-Signature-256: \S+/]
    verify = "#{bin}/hook verify github --body body.json --secret env:KEY -H"
    assert_match(/^valid/, shell_output("#{verify} '#{signature}'"))
    shell_output("#{verify} 'X-Hub-Signature-256: sha256=00'", 3)
  end
end
