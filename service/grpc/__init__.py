"""The gRPC form of the Open Inference Protocol; needs the extra `grpc`.

May import `service.http`.
"""
