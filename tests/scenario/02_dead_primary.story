# The primary dies after its batch was prepared. The next one must propose the same batch again.

> cluster 4
> lose Commit
> propose 0 a
height 1, view 0
> deliver
PrePrepare v0 h1 2141fead x1 by 0 -> 1 2 3
Prepare v0 h1 2141fead by 1 -> 0 2 3
Prepare v0 h1 2141fead by 2 -> 0 1 3
Prepare v0 h1 2141fead by 3 -> 0 1 2
> show
0: view 0, certified 0, chain empty
1: view 0, certified 0, chain empty
2: view 0, certified 0, chain empty
3: view 0, certified 0, chain empty
> down 0
> heal
> timeout 1
> timeout 2
> deliver
ViewChange v1 stable 0 prepared 1@v0 by 1 -> 2 3
ViewChange v1 stable 0 prepared 1@v0 by 2 -> 1 3
ViewChange v1 stable 0 prepared 1@v0 by 3 -> 1 2
NewView v1 from 3 re-proposes 1 by 1 -> 2 3
Prepare v1 h1 2141fead by 2 -> 1 3
Prepare v1 h1 2141fead by 3 -> 1 2
Commit v1 h1 2141fead by 3 -> 1 2
Commit v1 h1 2141fead by 1 -> 2 3
Commit v1 h1 2141fead by 2 -> 1 3
HeaderVote h1 6727fa33 by 2 -> 1 3
HeaderVote h1 6727fa33 by 1 -> 2 3
HeaderVote h1 6727fa33 by 3 -> 1 2
> show
0 (down): view 0, certified 0, chain empty
1: view 1, certified 1, chain [a]
2: view 1, certified 1, chain [a]
3: view 1, certified 1, chain [a]

# The old primary comes back, learns the view and what it missed.
> up 0
> status
> deliver
Status v0 executed 0 stable 0 by 0 -> 1 2 3
Status v1 executed 1 stable 1 by 1 -> 0 2 3
Status v1 executed 1 stable 1 by 2 -> 0 1 3
Status v1 executed 1 stable 1 by 3 -> 0 1 2
NewView v1 from 3 re-proposes 1 by 1 -> 0 0 0
HeaderVote h1 6727fa33 by 1 -> 0
HeaderVote h1 6727fa33 by 2 -> 0
HeaderVote h1 6727fa33 by 3 -> 0
> wait 5
> propose 1 b
height 2, view 1
> deliver
PrePrepare v1 h2 72fdaf6f x1 by 1 -> 0 2 3
Prepare v1 h2 72fdaf6f by 0 -> 1 2 3
Prepare v1 h2 72fdaf6f by 2 -> 0 1 3
Prepare v1 h2 72fdaf6f by 3 -> 0 1 2
Commit v1 h2 72fdaf6f by 2 -> 0 1 3
Commit v1 h2 72fdaf6f by 3 -> 0 1 2
Commit v1 h2 72fdaf6f by 0 -> 1 2 3
Commit v1 h2 72fdaf6f by 1 -> 0 2 3
HeaderVote h2 44829496 by 0 -> 1 2 3
HeaderVote h2 44829496 by 1 -> 0 2 3
HeaderVote h2 44829496 by 2 -> 0 1 3
HeaderVote h2 44829496 by 3 -> 0 1 2
> show
0: view 1, certified 2, chain [a] [b]
1: view 1, certified 2, chain [a] [b]
2: view 1, certified 2, chain [a] [b]
3: view 1, certified 2, chain [a] [b]
